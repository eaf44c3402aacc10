import { toAppError } from '@/lib/core/errors'
import { findPayment } from './find-payment'
import type { SettlementRefusal } from './reasons'
import type { WalletDeps } from './settler'
import type { Member, MemberOutcome } from './settler-store'
import { simulateReady } from './simulate-ready'

/** A member that failed so often in a transaction of ours is not put into another. */
const MOST_NONCES = 3

/** What becomes of members that the decided nonce did not pay: their authorizations are public, and perhaps alive. */
export async function followUp(deps: WalletDeps, unpaid: readonly Member[]): Promise<MemberOutcome[]> {
  if (unpaid.length === 0) return []
  const ready = unpaid.map((row) => ({ ...row, isAlone: false }))
  const nowSeconds = BigInt(Math.floor(deps.now() / 1000))
  const { candidates, used, refused, alone } = await simulateReady({ ...deps, nowSeconds }, ready)
  const outcomes = new Map<string, MemberOutcome>()
  // With code alone at once; the others by themselves when they have failed together twice.
  const entered = new Map(unpaid.map((row) => [row.id, row.entered]))
  for (const { row, hasCode } of candidates) {
    outcomes.set(row.id, { kind: 'again', isAlone: hasCode || (entered.get(row.id) ?? 0) > 1 })
  }
  for (const row of alone) outcomes.set(row.id, { kind: 'again', isAlone: true })
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
