import { newId } from '@/lib/core/ids'
import type { SettlePaymentInput } from './settle-payment'
import type { Binding, Settlement, SignedTransfer } from './settlement'
import type { Claim } from './settlement-store'

type Parts = { binding: Binding; transfer: SignedTransfer; nowMs: number }

/** What a request brings to take its payment's key. */
export function toClaim(input: SettlePaymentInput, { binding, transfer, nowMs }: Parts): Claim {
  const { keyId, requestId, resource, paymentIdentifier, request, payment } = input
  return {
    ...transfer,
    ...binding,
    ...{ keyId, requestId, resource, paymentIdentifier, request },
    id: newId('settlement', nowMs),
    x402Version: payment.x402Version,
    seenUnusedBlock: 0n,
    isMagic: payment.magic !== null,
  }
}

/** The row as it was just written. */
export function queuedRow(claim: Claim, nowMs: number): Settlement {
  return {
    ...claim,
    state: 'queued',
    version: 0,
    reason: null,
    message: null,
    releasedAt: null,
    transactionHash: null,
    mined: null,
    isOtherFinal: false,
    grantedAt: null,
    grantKey: null,
    createdAt: new Date(nowMs),
    settledAt: null,
  }
}
