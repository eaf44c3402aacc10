import { SECOND_MS } from '@/lib/core/clock'
import type { Network } from '@/lib/networks/networks'
import type { WalletRunner } from './run-wallet'

/** Payments that come within this time after the first share its transaction. */
const GATHER_MS = 40
const LEAST_PAUSE_MS = 100

type Runner = Pick<WalletRunner, 'signRound' | 'watchRound' | 'stop'>

/** Runs a wallet as long as its network is served: it signs soon after something was queued, and watches beside that. */
export function runLoop(
  runner: Runner,
  { blockTimeSeconds }: Network,
  isServed: () => boolean,
): { wake(): void; stop(): Promise<void> } {
  const idleMs = Math.min(Math.max((blockTimeSeconds * SECOND_MS) / 8, LEAST_PAUSE_MS), SECOND_MS)
  // Where a round took all it takes, more has gathered meanwhile.
  const pauses = { none: idleMs, some: GATHER_MS, all_it_takes: 0, failed: SECOND_MS }
  const signing = repeat(async () => (isServed() ? pauses[await runner.signRound()] : idleMs))
  const watching = repeat(async () => (isServed() ? runner.watchRound() : idleMs))
  return {
    wake: () => signing.wake(GATHER_MS),
    async stop() {
      await Promise.all([signing.stop(), watching.stop()])
      await runner.stop()
    },
  }
}

/** Runs again and again, with the pause each run asks for. */
function repeat(run: () => Promise<number>) {
  let isStopped = false
  let endPause: (afterMs: number) => void = () => undefined
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      endPause = (afterMs) => {
        clearTimeout(timer)
        setTimeout(resolve, Math.min(ms, afterMs))
      }
    })
  const ended = (async () => {
    while (!isStopped) await pause(await run())
  })()
  return {
    wake: (afterMs: number) => endPause(afterMs),
    async stop() {
      isStopped = true
      endPause(0)
      await ended
    },
  }
}
