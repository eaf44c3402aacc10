import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import { type ReportDeps, reportNetwork } from './report-network'
import type { SettlerDeps } from './settler'
import { watchFailed } from './watch-failed'
import { watchFinal } from './watch-final'

type Deps = ReportDeps & Pick<SettlerDeps, 'onProblem'>

/** What is done for a network every so often, by whichever worker comes first: every change is a compare-and-set. */
const CHORES: readonly { name: string; everyMs: number; run(deps: Deps): Promise<unknown> }[] = [
  { name: 'report', everyMs: 5 * SECOND_MS, run: reportNetwork },
  { name: 'release', everyMs: SECOND_MS, run: ({ store, network }) => store.releaseOverdue(network.id) },
  { name: 'final', everyMs: 2 * SECOND_MS, run: watchFinal },
  { name: 'failed', everyMs: 2 * SECOND_MS, run: watchFailed },
]

/** Does the chores of a network until it is stopped. The first report is made before this answers. */
export async function runNetwork(deps: Deps): Promise<{ stop(): Promise<void> }> {
  const running = new Map<string, Promise<void>>()
  const once = (chore: (typeof CHORES)[number]): Promise<void> => {
    const run = running.get(chore.name) ?? doChore(deps, chore).finally(() => running.delete(chore.name))
    running.set(chore.name, run)
    return run
  }
  await Promise.all(CHORES.map(once))
  const timers = CHORES.map((chore) => setInterval(() => void once(chore), chore.everyMs))
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running.values())
    },
  }
}

async function doChore(deps: Deps, { name, run }: (typeof CHORES)[number]): Promise<void> {
  try {
    await run(deps)
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('a chore of a network failed; it is tried again', {
      err: cause ?? message,
      chore: name,
      network: deps.network.id,
    })
  }
}
