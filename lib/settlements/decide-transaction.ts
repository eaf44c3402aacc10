import type { Hex } from '@/lib/core/hex'
import { followUp } from './follow-up'
import { findTransfer } from './judge'
import { gasEntries, type LedgerEntry, shareEqually, transferEntries } from './ledger'
import type { Receipt } from './settlement-chain'
import type { WalletDeps } from './settler'
import type { Decision, Member, MemberOutcome, OpenTransaction } from './settler-store'

/**
 * Writes down what a mined transaction was for each of its members: the one judge says who is paid, and whoever is not
 * is followed up, for his authorization is public now.
 *
 * @returns false when somebody else has decided it already
 * @throws AppError `rpc_unavailable`: nothing is decided, and it is tried again
 */
export async function decideTransaction(
  deps: WalletDeps,
  transaction: OpenTransaction,
  receipt: Receipt,
): Promise<boolean> {
  const members = await deps.store.membersOf(transaction.id)
  const unpaid: Member[] = []
  const outcomes: Decision['outcomes'][number][] = []
  const isCancel = attemptOf(transaction, receipt.transactionHash)?.kind === 'cancel'
  const gas = isCancel ? members.map(() => 0n) : shareEqually(receipt.feeWei, members.length)
  for (const [index, row] of members.entries()) {
    const position = receipt.succeeded ? findTransfer(receipt.logs, row) : null
    if (position === null) unpaid.push(row)
    else outcomes.push({ row, outcome: { kind: 'mined', position }, gasWei: gas[index] ?? 0n })
  }
  const followed = await followUp(deps, unpaid)
  for (const [index, row] of unpaid.entries()) {
    const gasWei = gas[members.indexOf(row)] ?? 0n
    outcomes.push({ row, outcome: followed[index] as MemberOutcome, gasWei })
  }
  return deps.store.decide(toDecision(transaction, receipt, outcomes))
}

function toDecision(transaction: OpenTransaction, receipt: Receipt, outcomes: Decision['outcomes']): Decision {
  const { transactionHash: hash, blockNumber, blockHash, succeeded, feeWei } = receipt
  const block = { transactionHash: hash, blockNumber, blockHash }
  const shares = outcomes
    .filter(({ gasWei }) => gasWei > 0n)
    .map(({ row, gasWei }) => ({ tenantId: row.tenantId, mode: row.mode, payer: row.payer, wei: gasWei }))
  const entries: LedgerEntry[] = gasEntries({ ...block, wallet: transaction.wallet, feeWei, shares })
  for (const { row, outcome } of outcomes) {
    if (outcome.kind === 'mined') entries.push(...transferEntries(row, { ...block, position: outcome.position }))
    if (outcome.kind === 'other') entries.push(...transferEntries(row, outcome.transfer))
  }
  return { transaction, mined: { hash, blockNumber, blockHash, succeeded, feeWei }, outcomes, entries, shares }
}

function attemptOf({ attempts }: OpenTransaction, hash: Hex) {
  return attempts.find((attempt) => attempt.hash === hash)
}
