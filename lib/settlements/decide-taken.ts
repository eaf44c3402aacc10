import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { followUp } from './follow-up'
import { type LedgerEntry, transferEntries } from './ledger'
import type { Block } from './settlement-chain'
import type { WalletDeps } from './settler'
import type { Decision, Member, MemberOutcome, OpenTransaction, TransactionId } from './settler-store'

/** A transaction that is open for so long may have lost its nonce to another. */
const PERHAPS_TAKEN_MS = 20 * SECOND_MS

/** Those whose nonce is taken for good by a transaction of somebody else. What cannot be read now is asked again. */
export async function decideTaken(deps: WalletDeps, unseen: readonly OpenTransaction[]): Promise<Set<TransactionId>> {
  const taken = new Set<TransactionId>()
  const old = unseen.filter(({ createdAt }) => deps.now() - createdAt.getTime() > PERHAPS_TAKEN_MS)
  if (old.length === 0) return taken
  const final = await orLater(deps, () => deps.chain.finalNonce(deps.network, deps.signer.address))
  for (const transaction of final ? old.filter(({ nonce }) => nonce < final.nonce) : []) {
    if (!final || !(await orLater(deps, () => decideOne(deps, transaction, final.block)))) continue
    taken.add(transaction.id)
    const details = { nonce: transaction.nonce.toString(), network: deps.network.id }
    deps.onProblem('a nonce was taken by a transaction that is not ours: is the key used elsewhere?', details)
  }
  return taken
}

/** One that cannot be read now holds up none of the others. */
async function orLater<T>(deps: WalletDeps, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run()
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('it could not be read whose a nonce is', { err: cause ?? message, network: deps.network.id })
    return null
  }
}

/**
 * Ends a transaction whose nonce somebody else's took, for it can never be mined: with our key, or after a backup was
 * restored. Its members go on by themselves.
 *
 * @returns false when it is not so: an attempt of ours is mined, or has used a member's authorization
 */
async function decideOne(deps: WalletDeps, transaction: OpenTransaction, block: Block): Promise<boolean> {
  const own = transaction.attempts.map(({ hash }) => hash)
  // Asked for once more: it may have been mined between the two questions.
  const receipts = await deps.chain.receipts(deps.network, own)
  if (receipts.some((receipt) => receipt !== null)) return false
  const members = await deps.store.membersOf(transaction.id)
  const followed = await followUp(deps, members)
  const entries: LedgerEntry[] = []
  const outcomes: Decision['outcomes'][number][] = []
  for (const [index, row] of members.entries()) {
    const outcome = followed[index] as MemberOutcome
    // A node may have the log of a transaction and not its receipt: then nobody else took the nonce.
    if (await isUsedByAny(deps, row, own, block)) return false
    if (outcome.kind === 'other') entries.push(...transferEntries(row, outcome.transfer))
    outcomes.push({ row, outcome, gasWei: 0n })
  }
  const mined = { hash: null, blockNumber: block.number, blockHash: block.hash, succeeded: false, feeWei: 0n }
  return deps.store.decide({ transaction, mined, outcomes, entries, shares: [] })
}

/** As far as the block at which the nonce is taken for good: a node that has not got there is not believed. */
async function isUsedByAny(
  { chain, network }: WalletDeps,
  row: Member,
  hashes: readonly Hex[],
  { number }: Block,
): Promise<boolean> {
  const { asset, payer, nonce, seenUnusedBlock } = row
  const search = { asset, payer, nonce, fromBlock: seenUnusedBlock + 1n, throughBlock: number }
  const uses = await chain.authorizationUses(network, search)
  return uses.some((hash) => hashes.includes(hash))
}
