import { type Clock, MINUTE_MS } from '@/lib/core/clock'

const MINUTES = 5

/** Counts failures of ours over the last five minutes. */
export function createRecentErrors(now: Clock) {
  const counts = new Array<{ minute: number; count: number }>(MINUTES).fill({ minute: 0, count: 0 })
  return {
    add(): void {
      const minute = Math.floor(now() / MINUTE_MS)
      const slot = counts[minute % MINUTES]
      counts[minute % MINUTES] = { minute, count: slot?.minute === minute ? slot.count + 1 : 1 }
    },
    count(): number {
      const minute = Math.floor(now() / MINUTE_MS)
      return counts.reduce((sum, slot) => (slot.minute > minute - MINUTES ? sum + slot.count : sum), 0)
    },
  }
}
