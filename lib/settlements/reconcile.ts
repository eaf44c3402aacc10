import { type Clock, SECOND_MS } from '@/lib/core/clock'
import type { Network } from '@/lib/networks/networks'
import { checkNetwork } from './reconcile/check-network'
import { checkSettlements, checkTransactions } from './reconcile/check-page'
import type { Discrepancy } from './reconcile/classes'
import type { PageOf, ReconcileStore, Span } from './reconcile/facts'
import { chainReads, type ReconcileChain } from './reconcile/read-chain'

export type ReconcileDeps = {
  now: Clock
  store: ReconcileStore
  chain: ReconcileChain
  sleep(ms: number): Promise<unknown>
  onProgress(progress: Progress): void
}

export type Progress = { network: string; part: 'settlements' | 'transactions'; done: number; total: number }

export type ReconcileInput = {
  networks: readonly Network[]
  /** Rows created in this time; the sums of the ledger and what belongs to no row are always looked at as a whole. */
  span: Span
  /** A row may be under way for so long. */
  openSeconds: number
  /** What differs is looked at again after so long, for rows change while they are read. */
  graceSeconds: number
}

type NetworkReport = { network: string; settlements: number; transactions: number }

export type ReconcileReport = {
  result: 'PASS' | 'FAIL'
  startedAt: Date
  finishedAt: Date
  span: Span
  networks: NetworkReport[]
  discrepancies: Discrepancy[]
}

const PAGE = 1_000

/**
 * Holds settlements, transactions and the ledger against the chain, and changes nothing.
 *
 * @throws AppError `rpc_unavailable`, `database_unavailable`: then nothing is known
 */
export async function reconcile(deps: ReconcileDeps, input: ReconcileInput): Promise<ReconcileReport> {
  const startedAt = new Date(deps.now())
  const networks: NetworkReport[] = []
  const discrepancies: Discrepancy[] = []
  for (const network of input.networks) {
    const { counts, found } = await reconcileNetwork(deps, input, network)
    networks.push({ network: network.id, ...counts })
    discrepancies.push(...found)
  }
  const result = discrepancies.length === 0 ? 'PASS' : 'FAIL'
  return { result, startedAt, finishedAt: new Date(deps.now()), span: input.span, networks, discrepancies }
}

type Looks = Record<Progress['part'], (page: PageOf) => Promise<{ ids: string[]; found: Discrepancy[] }>>

async function reconcileNetwork(deps: ReconcileDeps, input: ReconcileInput, network: Network) {
  const counts = await deps.store.count(network.id, input.span)
  const startedMs = deps.now()
  const first = looks(deps, input, network)
  const suspects = {
    settlements: await lookAtAll(deps, input, network, first, 'settlements', counts.settlements),
    transactions: await lookAtAll(deps, input, network, first, 'transactions', counts.transactions),
  }
  const loose = await looseEnds(deps, network)
  const seen = [...suspects.settlements, ...suspects.transactions, ...loose]
  if (seen.length === 0) return { counts, found: [] }
  await deps.sleep(Math.max(0, input.graceSeconds * SECOND_MS - (deps.now() - startedMs)))
  const second = looks(deps, input, network)
  const again = [
    ...(await lookAgain(second.settlements, suspects.settlements)),
    ...(await lookAgain(second.transactions, suspects.transactions)),
    ...(loose.length > 0 ? await looseEnds(deps, network) : []),
  ]
  const before = new Set(seen.map(keyOf))
  return { counts, found: again.filter((one) => before.has(keyOf(one))) }
}

/** What is read of a chain is kept for one look: the second must see it anew. */
function looks({ store, chain, now, sleep }: ReconcileDeps, input: ReconcileInput, network: Network): Looks {
  const reads = chainReads(chain, network, sleep)
  const context = () => ({ network, reads, limits: { nowMs: now(), openSeconds: input.openSeconds } })
  return {
    async settlements(page) {
      const rows = await store.settlements(network.id, page)
      return { ids: rows.map(({ settlement }) => settlement.id), found: await checkSettlements(context(), rows) }
    },
    async transactions(page) {
      const rows = await store.transactions(network.id, page)
      return { ids: rows.map(({ id }) => id), found: await checkTransactions(context(), rows) }
    },
  }
}

async function lookAtAll(
  { onProgress }: ReconcileDeps,
  { span }: ReconcileInput,
  network: Network,
  byPart: Looks,
  part: Progress['part'],
  total: number,
): Promise<Discrepancy[]> {
  const all: Discrepancy[] = []
  let afterId = ''
  for (let done = 0; ; ) {
    const { ids, found } = await byPart[part]({ afterId, limit: PAGE, span })
    all.push(...found)
    done += ids.length
    onProgress({ network: network.id, part, done, total })
    const last = ids.at(-1)
    if (last === undefined || ids.length < PAGE) return all
    afterId = last
  }
}

async function lookAgain(look: Looks[Progress['part']], suspects: readonly Discrepancy[]): Promise<Discrepancy[]> {
  const ids = [...new Set(suspects.map(({ subject }) => subject))]
  const all: Discrepancy[] = []
  for (let start = 0; start < ids.length; start += PAGE) {
    all.push(...(await look({ ids: ids.slice(start, start + PAGE) })).found)
  }
  return all
}

function looseEnds({ store, chain, sleep }: ReconcileDeps, network: Network): Promise<Discrepancy[]> {
  return checkNetwork({ network: network.id, store, reads: chainReads(chain, network, sleep) })
}

function keyOf({ class: name, subject }: Discrepancy): string {
  return `${name} ${subject}`
}
