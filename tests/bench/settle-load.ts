import { type ChildProcess, fork } from 'node:child_process'
import type { Address } from 'viem'
import type { RunningChain } from '@/scripts/local/chain'
import { cpuMs, treeCpuMs } from './processes'
import { headOf, quietHead, readFacts } from './settle-chain'
import type { SettleAnswers, SettleJob } from './settle-client'

export type SettleSide = {
  name: 'reference' | 'ours'
  url: string
  warmPath: string
  key: string | null
  /** Everything that works for this side alone; what these started is counted with them. */
  pids: readonly number[]
  /** Shown beside: Postgres and Redis. */
  besidePids: readonly number[]
  wallet: Address
}

export type SettleRound = {
  perSecond: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  cpuMsEach: number
  besideMsEach: number
  transactionsEach: number
  gasEach: number
  /** Answers that were not a success. */
  wrong: number
  reverted: number
  /** Authorizations used on the chain, less the successes that were answered: 0 when the answers are true. */
  unmatched: number
  settled: number
  refusals: Record<string, number>
}

type Load = Pick<SettleJob, 'bodies' | 'inFlight' | 'seconds'>

/**
 * Loads one side, then asks the chain what happened. CPU is counted until the wallet has been quiet for three blocks,
 * so that work put off until after the answer is counted too.
 */
export async function settleRound(side: SettleSide, load: Load, { chain, pid }: RunningChain): Promise<SettleRound> {
  const { url, warmPath, key, wallet } = side
  const cpu = () => ({
    side: sumOfTrees(side.pids) + cpuMs(pid),
    beside: sumOfTrees(side.besidePids),
  })
  const start = async () => ({ firstBlock: (await headOf(chain)) + 1, before: cpu() })
  const [{ firstBlock, before }, answers] = await runClient({ url, warmPath, key, ...load }, start)
  const lastBlock = await quietHead(chain, wallet)
  const after = cpu()
  const facts = await readFacts(chain, wallet, [firstBlock, lastBlock])
  const { settled, wallMs, p50Ms, p95Ms, p99Ms, refusals } = answers
  const each = (total: number) => total / Math.max(1, settled)
  return {
    perSecond: settled / (wallMs / 1_000),
    p50Ms,
    p95Ms,
    p99Ms,
    cpuMsEach: each(after.side - before.side),
    besideMsEach: each(after.beside - before.beside),
    transactionsEach: each(facts.transactions),
    gasEach: each(facts.gas),
    wrong: Object.values(refusals).reduce((sum, count) => sum + count, 0),
    reverted: facts.reverted,
    unmatched: facts.authorizationsUsed - settled,
    settled,
    refusals,
  }
}

function sumOfTrees(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + treeCpuMs(pid), 0)
}

/** Runs the client's process; `onReady` is awaited between its connections being open and its first payment. */
async function runClient<T>(job: SettleJob, onReady: () => Promise<T>): Promise<[T, SettleAnswers]> {
  const client = fork('tests/bench/settle-client.ts', {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    client.send(job)
    await messageOf(client)
    const atStart = await onReady()
    const answers = messageOf<SettleAnswers>(client)
    client.send('go')
    return [atStart, await answers]
  } finally {
    client.kill()
  }
}

function messageOf<T>(client: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    client.once('message', (message) => resolve(message as T))
    client.once('exit', (code) => reject(new Error(`the client of the bench ended with ${code}`)))
  })
}
