import { describe, expect, it } from 'vitest'
import { newId } from '@/lib/core/ids'
import { hashOfTerms } from '@/lib/settlements/binding'
import type { SettlementRefusal } from '@/lib/settlements/reasons'
import { type SettlePaymentDeps, settlePayment } from '@/lib/settlements/settle-payment'
import type { Settlement } from '@/lib/settlements/settlement'
import type { SettlementStore } from '@/lib/settlements/settlement-store'
import { aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

const FAILED = aSettlement({
  ...{ state: 'failed', reason: 'invalid_exact_evm_transaction_failed', message: 'It failed.', version: 3 },
  ...{ transactionHash: nonceOf(9), requirementsHash: hashOfTerms({}) },
})
const USED: SettlementRefusal = { reason: 'invalid_exact_evm_nonce_already_used', message: 'It is used.' }

type World = {
  retry: Awaited<ReturnType<SettlementStore['retry']>>
  judged?: SettlementRefusal
  /** The row after the retry. */
  now?: Partial<Settlement>
}

/** The same payment again, for a row that failed on chain. */
function settleAgain({ retry, judged, now = {} }: World) {
  const store: Partial<SettlementStore> = {
    findHeld: async () => FAILED,
    find: async () => ({ ...FAILED, ...now }),
    retry: async () => retry,
  }
  const deps = {
    ...{ now: () => NOW, store, waitMs: 1_000 },
    waitForChange: async () => undefined,
    judge: async () => judged ?? { block: 1n },
    requireReady: async () => undefined,
  } as unknown as SettlePaymentDeps
  return settlePayment(deps, {
    ...{ tenantId: FAILED.tenantId, mode: 'test', keyId: newId('apiKey', NOW), requestId: newId('request', NOW) },
    ...{ startedAt: NOW, requirements: {}, keyHash: null, resource: null, paymentIdentifier: null, request: '{}' },
    payment: { network: BASE_SEPOLIA, x402Version: 2, transfer: FAILED, magic: null },
    terms: { waitUntil: 'mined', acceptsOthers: true },
    isGone: () => false,
  })
}

describe('a failed payment that comes again when the gas budget is used up', () => {
  it.each([
    ['tenant_gas', 'account'],
    ['payer_gas', 'payer'],
  ] as const)('of %s is answered as failed with its row, and says why it is not sent again', async (retry, whose) => {
    expect(await settleAgain({ retry })).toEqual({
      kind: 'refused',
      refusal: { reason: FAILED.reason, message: expect.stringContaining(`for this ${whose}`) },
      settlement: FAILED,
    })
  })

  it('and is used meanwhile is never called unused', async () => {
    expect(await settleAgain({ retry: 'payer_gas', judged: USED })).toMatchObject({ kind: 'refused', refusal: USED })
  })

  it('and has changed meanwhile is answered as it is now', async () => {
    const now = { version: 4, reason: 'invalid_exact_evm_insufficient_balance', message: 'Too little.' }
    expect(await settleAgain({ retry: 'payer_gas', now })).toMatchObject({
      refusal: { reason: now.reason, message: now.message },
    })
  })
})
