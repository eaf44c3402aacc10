import { setTimeout as sleep } from 'node:timers/promises'
import type { Stop } from './processes'

/** How long a start that is cut short may take to see it, once all it waits for has ended. */
const UNWIND_MS = 5_000

export type Stops = {
  /** Notes how something is stopped. Throws when the end has come already, so that a start goes no further. */
  add(stop: Stop): void
  isStopping(): boolean
  /** Stops everything in the reverse order of its start, also what is still being started; once, however often asked. */
  stopAll(start: Promise<void>): Promise<void>
}

export function createStops(onProblem: (error: Error) => void): Stops {
  const stops: Stop[] = []
  let ending: Promise<void> | null = null

  const stopNoted = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop().catch(onProblem)
  }
  const end = async (start: Promise<void>) => {
    await stopNoted()
    await Promise.race([start.catch(() => undefined), sleep(UNWIND_MS, undefined, { ref: false })])
    await stopNoted()
  }
  return {
    add(stop) {
      stops.push(stop)
      if (ending) throw new Error('stopping')
    },
    isStopping: () => ending !== null,
    stopAll: (start) => {
      ending ??= end(start)
      return ending
    },
  }
}
