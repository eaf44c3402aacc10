import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import { followUp } from './follow-up'
import { type LedgerEntry, transferEntries } from './ledger'
import type { Block } from './settlement-chain'
import type { WalletDeps } from './settler'
import type { MemberOutcome, OpenTransaction, TransactionId } from './settler-store'

/** A transaction that is open for so long may have lost its nonce to another. */
const PERHAPS_TAKEN_MS = 20 * SECOND_MS

/** Those whose nonce is taken for good by a transaction of somebody else. What cannot be read now is asked again. */
export async function decideTaken(deps: WalletDeps, unseen: readonly OpenTransaction[]): Promise<Set<TransactionId>> {
  const taken = new Set<TransactionId>()
  const old = unseen.filter(({ createdAt }) => deps.now() - createdAt.getTime() > PERHAPS_TAKEN_MS)
  if (old.length === 0) return taken
  try {
    const { nonce, block } = await deps.chain.finalNonce(deps.network, deps.signer.address)
    for (const transaction of old.filter((one) => one.nonce < nonce)) {
      // Asked for once more: it may have been mined between the two questions.
      const hashes = transaction.attempts.map(({ hash }) => hash)
      const receipts = await deps.chain.receipts(deps.network, hashes)
      if (receipts.some((receipt) => receipt !== null) || !(await decideOne(deps, transaction, block))) continue
      taken.add(transaction.id)
      const details = { nonce: transaction.nonce.toString(), network: deps.network.id }
      deps.onProblem('a nonce was taken by a transaction that is not ours: is the key used elsewhere?', details)
    }
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('it could not be read whose a nonce is', { err: cause ?? message, network: deps.network.id })
  }
  return taken
}

/**
 * Ends a transaction whose nonce somebody else's took, for it can never be mined: with our key, or after a backup was
 * restored. Its members go on by themselves.
 *
 * @returns false when it is not so: a member was paid by an attempt of ours
 */
async function decideOne(deps: WalletDeps, transaction: OpenTransaction, block: Block): Promise<boolean> {
  const members = await deps.store.membersOf(transaction.id)
  const followed = await followUp(deps, members)
  const outcomes = members.map((row, index) => ({ row, outcome: followed[index] as MemberOutcome, gasWei: 0n }))
  const own = new Set(transaction.attempts.map(({ hash }) => hash))
  const entries: LedgerEntry[] = []
  for (const { row, outcome } of outcomes) {
    if (outcome.kind !== 'other') continue
    if (own.has(outcome.transfer.transactionHash)) return false
    entries.push(...transferEntries(row, outcome.transfer))
  }
  const mined = { hash: null, blockNumber: block.number, blockHash: block.hash, succeeded: false, feeWei: 0n }
  return deps.store.decide({ transaction, mined, outcomes, entries, shares: [] })
}
