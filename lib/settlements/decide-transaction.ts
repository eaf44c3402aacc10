import { toAppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { findPayment } from './find-payment'
import { findTransfer } from './judge'
import { gasEntries, type LedgerEntry, shareEqually, transferEntries } from './ledger'
import type { SettlementRefusal } from './reasons'
import type { Receipt } from './settlement-chain'
import type { WalletDeps } from './settler'
import type { Decision, Member, MemberOutcome, OpenTransaction } from './settler-store'
import { simulateReady } from './simulate-ready'

/** A member that failed so often in a transaction of ours is not put into another. */
const MOST_NONCES = 3

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

async function followUp(deps: WalletDeps, unpaid: readonly Member[]): Promise<MemberOutcome[]> {
  if (unpaid.length === 0) return []
  const ready = unpaid.map((row) => ({ ...row, isAlone: false }))
  const nowSeconds = BigInt(Math.floor(deps.now() / 1000))
  const { candidates, used, refused } = await simulateReady({ ...deps, nowSeconds }, ready)
  const outcomes = new Map<string, MemberOutcome>()
  // With code alone at once; the others by themselves when they have failed together twice.
  const entered = new Map(unpaid.map((row) => [row.id, row.entered]))
  for (const { row, hasCode } of candidates) {
    outcomes.set(row.id, { kind: 'again', isAlone: hasCode || (entered.get(row.id) ?? 0) > 1 })
  }
  for (const { row, refusal } of refused) outcomes.set(row.id, { kind: 'failed', refusal })
  for (const row of used) outcomes.set(row.id, await outcomeOfUsed(deps, row))
  return unpaid.map((row) => {
    const outcome = outcomes.get(row.id) ?? { kind: 'again', isAlone: false }
    return outcome.kind === 'again' && row.entered >= MOST_NONCES ? GAVE_UP : outcome
  })
}

async function outcomeOfUsed(
  deps: WalletDeps,
  row: Member | Parameters<typeof findPayment>[1],
): Promise<MemberOutcome> {
  // Failed is watched: when the other's block is deep enough, or can be read at all, it is found there. The members
  // beside it must not wait for that.
  const found = await findPayment(deps, row).catch((error: unknown) => {
    const { cause, message } = toAppError(error)
    deps.onProblem('a payment could not be looked up; it is watched', { err: cause ?? message, id: row.id })
    return 'too_young' as const
  })
  return typeof found === 'string' ? USED : { kind: 'other', transfer: found.transfer }
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

const FAILED: SettlementRefusal = {
  reason: 'invalid_exact_evm_transaction_failed',
  message: 'The transfer failed on chain. Its authorization is unused and still valid.',
}
const GAVE_UP: MemberOutcome = { kind: 'failed', refusal: FAILED }
const USED: MemberOutcome = {
  kind: 'failed',
  refusal: {
    reason: 'invalid_exact_evm_nonce_already_used',
    message: 'The authorization was used or cancelled elsewhere before our transaction was mined.',
  },
}
