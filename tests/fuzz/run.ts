import { cpuMs } from './cpu'
import { judge, verdictId } from './judge'
import { sendRaw } from './raw-http'
import { type FuzzRequest, shown } from './request'

/** Where requests go, and the process whose CPU they use. */
export type Target = { port: number; pid: number }

export type Run = {
  /** Requests, each counted once however often it was repeated. */
  sent: number
  /** How often each status came. */
  statuses: Record<number, number>
  /** The ids of all requests that got a verdict. */
  verdicts: string[]
  /** What was wrong with answers, each with some of the requests. */
  complaints: Record<string, string[]>
  /** Requests that cost too much, with the milliseconds of each solo repeat. */
  costly: string[]
}

/** What one request may cost. */
export const BOUND_MS = 20

/** Few enough that an ordinary batch stays below the bound for one request: then none in it can be above. */
const AT_ONCE = 6
const SOLO_REPEATS = 3
/** The cost of one request is the mean of so many in a row. */
const IN_A_ROW = 5
const MAX_EXAMPLES = 4

export function newRun(): Run {
  return { sent: 0, statuses: {}, verdicts: [], complaints: {}, costly: [] }
}

/** Sends everything, judges every answer, and looks for requests that cost more CPU than they may. */
export async function runAll(
  target: Target,
  requests: AsyncIterable<FuzzRequest> | Iterable<FuzzRequest>,
  run: Run,
): Promise<void> {
  let batch: FuzzRequest[] = []
  for await (const request of requests) {
    batch.push(request)
    run.sent++
    if (batch.length < AT_ONCE) continue
    await runBatch(target, batch, run)
    batch = []
  }
  await runBatch(target, batch, run)
}

async function runBatch(target: Target, batch: readonly FuzzRequest[], run: Run): Promise<void> {
  const together = await costOf(target, () => Promise.all(batch.map((request) => ask(target, request, run))))
  if (together <= BOUND_MS) return
  for (const request of batch) {
    const alone = await costOf(target, () => ask(target, request, run))
    if (alone <= BOUND_MS) continue
    const costs = await soloCosts(target, request, run)
    if (median(costs) <= BOUND_MS) continue
    run.costly.push(`${costs.map((cost) => cost.toFixed(1)).join(', ')} ms: ${shown(request)}`)
  }
}

/**
 * Milliseconds of CPU of one request, measured three times over. A breach counts only when it repeats, for a process
 * also collects garbage, compiles and writes its log.
 */
export async function soloCosts(target: Target, request: FuzzRequest, run: Run): Promise<number[]> {
  const costs: number[] = []
  for (let repeat = 0; repeat < SOLO_REPEATS; repeat++) {
    const spent = await costOf(target, async () => {
      for (let index = 0; index < IN_A_ROW; index++) await ask(target, request, run)
    })
    costs.push(spent / IN_A_ROW)
  }
  return costs
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

async function costOf({ pid }: Target, act: () => Promise<unknown>): Promise<number> {
  const before = cpuMs(pid)
  await act()
  return cpuMs(pid) - before
}

async function ask({ port }: Target, request: FuzzRequest, run: Run): Promise<void> {
  const { answers, complaints } = judge(request, await sendRaw(port, request.bytes, request))
  for (const answer of answers) {
    run.statuses[answer.status] = (run.statuses[answer.status] ?? 0) + 1
    const id = verdictId(answer)
    if (id !== null) run.verdicts.push(id)
  }
  for (const complaint of complaints) {
    const examples = run.complaints[complaint] ?? []
    if (examples.length < MAX_EXAMPLES) run.complaints[complaint] = [...examples, shown(request)]
  }
}
