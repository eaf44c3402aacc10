import { toAppError } from '@/lib/core/errors'
import type { Network } from '@/lib/networks/networks'
import { findPayment } from './find-payment'
import { transferEntries } from './ledger'
import type { Settlement } from './settlement'
import type { Block } from './settlement-chain'
import type { SettlerDeps } from './settler'

const MOST = 200
/** A search for who used an authorization begins at the last block at which it was seen unused. */
const FAR_BLOCKS = 1_000n

type Deps = Pick<SettlerDeps, 'chain' | 'store' | 'onProblem'> & { network: Network }

/**
 * Follows what failed on chain until its authorization is dead: the signature is public, and anybody may use it. It is
 * over when it paid after all, was used for something else in a final block, or is unused at one later than its validity.
 */
export async function watchFailed(deps: Deps): Promise<void> {
  const { chain, store, network } = deps
  const rows = await store.watched(network.id, MOST)
  if (rows.length === 0) return
  const { used } = await chain.authorizationStates(network, rows, 'latest')
  const spent: Settlement[] = []
  for (const row of rows.filter((_, index) => used[index])) if (!(await mayHavePaid(deps, row))) spent.push(row)
  const finalized = await chain.finalized(network)
  const unused = rows.filter((_, index) => !used[index])
  await endThem(
    deps,
    spent,
    unused.filter((row) => isPast(row, finalized)),
  )
  await shortenSearches(
    deps,
    unused.filter((row) => !isPast(row, finalized) && finalized.number - row.seenUnusedBlock > FAR_BLOCKS),
  )
}

/** What is watched for days must not be searched for through all of its days. */
async function shortenSearches({ chain, store, network }: Deps, rows: readonly Settlement[]): Promise<void> {
  if (rows.length === 0) return
  const { block, used } = await chain.authorizationStates(network, rows, 'finalized')
  const unused = rows.filter((_, index) => !used[index])
  await store.seenUnused(
    unused.map(({ id }) => id),
    block.number,
  )
}

/** What was used for something else, and what nobody used in time, ends once a final block says so. */
async function endThem(
  { chain, store, network }: Deps,
  spent: readonly Settlement[],
  dead: readonly Settlement[],
): Promise<void> {
  const rows = [...spent, ...dead]
  if (rows.length === 0) return
  const { block, used } = await chain.authorizationStates(network, rows, 'finalized')
  for (const [index, row] of rows.entries()) {
    // Its own block counts: another node may call an older one finalized.
    const isOver = index < spent.length ? used[index] : !used[index] && isPast(row, block)
    if (isOver) await store.expire(row)
  }
}

function isPast({ validBefore }: Settlement, { timestampSeconds }: Block): boolean {
  return validBefore <= BigInt(timestampSeconds)
}

/** False for one that was cancelled, or used for something else: it can pay nobody any more. */
async function mayHavePaid(deps: Deps, row: Settlement): Promise<boolean> {
  // One that cannot be looked up now may have paid, and holds up none of the others.
  const found = await findPayment(deps, row).catch((error: unknown) => {
    const { cause, message } = toAppError(error)
    deps.onProblem('a failed payment could not be looked up; it is tried again', { err: cause ?? message, id: row.id })
    return 'too_young' as const
  })
  if (typeof found !== 'string') await deps.store.preempt(row, found.transfer, transferEntries(row, found.transfer))
  return found !== 'none'
}
