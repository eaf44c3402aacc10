import type { z } from 'zod'
import type { SettleResponse } from './x402'

type Extra = NonNullable<z.infer<typeof SettleResponse>['extra']>

type Settled = {
  id: string
  state: string
  payer: string
  amount: bigint
  validBefore: bigint
  transactionHash: string | null
}

type Outcome<Row> =
  | { kind: 'paid'; settlement: Row }
  | { kind: 'duplicate' | 'pending'; settlement: Row }
  | { kind: 'refused'; refusal: { reason: string; message: string }; settlement: Row | null }

type Context = {
  /** As the request names it: v1 and v2 have names of their own. */
  network: string
  payer: string | undefined
  publicUrl: string
  nowMs: number
}

/** What became of a settlement, as the protocol writes it (x402 v2, 7.2: SettleResponse). */
export function toSettleResponse(outcome: Outcome<Settled>, context: Context): z.infer<typeof SettleResponse> {
  const { settlement } = outcome
  const base = {
    transaction: settlement?.transactionHash ?? '',
    network: context.network,
    ...(context.payer !== undefined && { payer: context.payer }),
  }
  const extra = extraOf(outcome, context)
  if (outcome.kind === 'paid') return { success: true, ...base, amount: outcome.settlement.amount.toString(), extra }
  const { reason, message } = outcome.kind === 'refused' ? outcome.refusal : TOLD[outcome.kind]
  return { success: false, errorReason: reason, errorMessage: message, ...base, extra }
}

const TOLD = {
  duplicate: {
    reason: 'duplicate_settlement',
    message: 'This payment is settled, and its success was answered before. One payment buys once.',
  },
  pending: {
    reason: 'settlement_pending',
    message: 'The transaction is sent and not mined yet. Send the same request again, and do not sign another payment.',
  },
} as const

/** Refusals after which the same signature can still become good. */
const CURABLE: ReadonlySet<string> = new Set([
  'invalid_exact_evm_insufficient_balance',
  'invalid_exact_evm_transaction_failed',
  'invalid_exact_evm_transaction_simulation_failed',
])

function extraOf(outcome: Outcome<Settled>, context: Context): Extra {
  const { settlement } = outcome
  const where = settlement && {
    settlementId: settlement.id,
    statusUrl: `${context.publicUrl}/api/v1/x402/settlements/${settlement.id}`,
  }
  if (outcome.kind === 'refused') {
    return { ...afterRefusal(outcome.refusal.reason, settlement, context.nowMs), ...where }
  }
  if (outcome.kind === 'pending') return { paymentState: 'in_flight', retryable: true, retryAction: 'poll', ...where }
  return { paymentState: 'settled', retryable: false, retryAction: 'abandon', ...where }
}

/** A signature that was sent is public: whoever signs another one beside it may pay twice. */
function afterRefusal(reason: string, settlement: Settled | null, nowMs: number): Extra {
  if (reason === 'invalid_exact_evm_nonce_already_used') {
    const paymentState = settlement?.state === 'settled_by_other' ? 'settled' : 'unknown'
    return { paymentState, retryable: false, retryAction: 'contact_seller' }
  }
  // It may be this very seller's and alive, under its first terms: then another signature would pay twice.
  if (reason === 'payment_bound_elsewhere') {
    return { paymentState: 'unknown', retryable: false, retryAction: 'contact_seller' }
  }
  const isAlive = settlement?.transactionHash != null && settlement.validBefore * 1000n > BigInt(nowMs)
  // Its time is over by the clock, and only a final block later than that says that nobody has used it.
  if (settlement?.transactionHash != null && !isAlive && settlement.state !== 'expired') {
    return { paymentState: 'unknown', retryable: true, retryAction: 'poll' }
  }
  if (isAlive) {
    const authorizationExpiresAt = expiry(settlement.validBefore)
    return { paymentState: 'unused', retryable: true, retryAction: 'retry_same_payment', authorizationExpiresAt }
  }
  // Released or never claimed: nothing was signed, and its key is free.
  const retryable = CURABLE.has(reason) && settlement?.transactionHash == null
  return { paymentState: 'unused', retryable, retryAction: retryable ? 'wait_and_retry' : 'resign' }
}

const LAST_SECOND = 253_402_300_799n

function expiry(validBefore: bigint): string {
  const seconds = validBefore < LAST_SECOND ? validBefore : LAST_SECOND
  return new Date(Number(seconds) * 1_000).toISOString()
}
