import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE_MS } from '@/lib/core/clock'

/**
 * Settles when the running minute has `neededMs` left: windows are counted by the clock's minutes, and a burst that
 * meets the edge between two is spread over both.
 */
export async function withinOneMinute(neededMs = 5_000): Promise<void> {
  const leftMs = MINUTE_MS - (Date.now() % MINUTE_MS)
  if (leftMs < neededMs) await sleep(leftMs + 20)
}
