import { describe, expect, it } from 'vitest'
import { toSettleResponse } from '@/lib/contracts/settle-response'
import { SettleResponse, settleErrorShape } from '@/lib/contracts/x402'

const NOW_MS = 1_795_000_000_000
const HASH = `0x${'ab'.repeat(32)}`
const context = { network: 'base', payer: '0xPayer', publicUrl: 'https://pay.example', nowMs: NOW_MS }
const row = {
  id: 'set_1',
  state: 'failed',
  payer: '0xpayer',
  amount: 10_000n,
  validBefore: BigInt(NOW_MS / 1_000 + 60),
  transactionHash: HASH as string | null,
}
const WHERE = { settlementId: 'set_1', statusUrl: 'https://pay.example/api/v1/x402/settlements/set_1' }
const refused = (reason: string, settlement: typeof row | null) =>
  toSettleResponse({ kind: 'refused', refusal: { reason, message: 'Why.' }, settlement }, context)

describe('an answer of /settle', () => {
  it('tells a success with its amount, in the words of the request', () => {
    expect(toSettleResponse({ kind: 'paid', settlement: row }, context)).toEqual({
      success: true,
      transaction: HASH,
      network: 'base',
      payer: '0xPayer',
      amount: '10000',
      extra: { paymentState: 'settled', retryable: false, retryAction: 'abandon', ...WHERE },
    })
  })

  it.each([
    ['duplicate', 'duplicate_settlement', { paymentState: 'settled', retryable: false, retryAction: 'abandon' }],
    ['pending', 'settlement_pending', { paymentState: 'in_flight', retryable: true, retryAction: 'poll' }],
  ] as const)('tells of one that is %s where it can be looked up', (kind, errorReason, extra) => {
    const answer = toSettleResponse({ kind, settlement: row }, context)
    expect(SettleResponse.parse(answer)).toMatchObject({
      success: false,
      errorReason,
      transaction: HASH,
      network: 'base',
    })
    expect(answer.extra).toEqual({ ...extra, ...WHERE })
    expect(answer).not.toHaveProperty('amount')
  })

  it('names no payer where the request names none', () => {
    const answer = toSettleResponse({ kind: 'pending', settlement: row }, { ...context, payer: undefined })
    expect(answer).not.toHaveProperty('payer')
  })
})

describe('what to do after a refusal', () => {
  const RESIGN = { paymentState: 'unused', retryable: false, retryAction: 'resign' }
  const WAIT = { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' }

  it.each([
    ['invalid_exact_evm_signature', RESIGN],
    ['invalid_exact_evm_payload_authorization_valid_before', RESIGN],
    ['amount_below_minimum', RESIGN],
    ['invalid_exact_evm_insufficient_balance', WAIT],
    ['invalid_exact_evm_transaction_simulation_failed', WAIT],
    ['payment_bound_elsewhere', { paymentState: 'unknown', retryable: false, retryAction: 'contact_seller' }],
    [
      'invalid_exact_evm_nonce_already_used',
      { paymentState: 'unknown', retryable: false, retryAction: 'contact_seller' },
    ],
  ])('of a payment without a row: %s', (reason, extra) => {
    expect(refused(reason, null)).toEqual({
      success: false,
      errorReason: reason,
      errorMessage: 'Why.',
      transaction: '',
      network: 'base',
      payer: '0xPayer',
      extra,
    })
  })

  it.each([
    ['invalid_exact_evm_insufficient_balance', WAIT],
    ['invalid_exact_evm_payload_authorization_valid_before', RESIGN],
  ])('of a row that was released unsigned is the same, for its key is free: %s', (reason, extra) => {
    expect(refused(reason, { ...row, transactionHash: null }).extra).toEqual({ ...extra, ...WHERE })
  })

  it('of bytes that were sent is never another signature while the first one lives', () => {
    expect(refused('invalid_exact_evm_transaction_failed', row)).toMatchObject({
      transaction: HASH,
      extra: {
        paymentState: 'unused',
        retryable: true,
        retryAction: 'retry_same_payment',
        authorizationExpiresAt: new Date(NOW_MS + 60_000).toISOString(),
        ...WHERE,
      },
    })
    const over = { ...row, validBefore: BigInt(NOW_MS / 1_000) }
    const poll = { paymentState: 'unknown', retryable: true, retryAction: 'poll' }
    // By the clock it is over; that nobody has used it only a final block tells.
    expect(refused('invalid_exact_evm_transaction_failed', over).extra).toEqual({ ...poll, ...WHERE })
    const dead = { ...over, state: 'expired' }
    expect(refused('invalid_exact_evm_transaction_failed', dead).extra).toEqual({ ...RESIGN, ...WHERE })
  })

  it('gives an end that can be written to an authorization that lasts for ever', () => {
    const endless = { ...row, validBefore: 2n ** 256n - 1n }
    const { extra } = refused('invalid_exact_evm_transaction_failed', endless)
    expect(extra?.authorizationExpiresAt).toBe('9999-12-31T23:59:59.000Z')
  })
})

describe('an error of /settle', () => {
  it.each([
    ['settlement_unavailable', { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' }],
    ['network_paused', { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' }],
    ['gas_budget_exceeded', { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' }],
    ['quota_exceeded', { paymentState: 'unused', retryable: false, retryAction: 'abandon' }],
    // Whether anything was sent before is not known then.
    ['rpc_unavailable', undefined],
    ['internal_error', undefined],
    ['database_unavailable', undefined],
  ])('says that the payment is unused where that is known: %s', (code, extra) => {
    const shape = settleErrorShape(code, 'Why.')
    expect(SettleResponse.parse(shape)).toMatchObject({
      success: false,
      errorReason: code,
      transaction: '',
      network: '',
    })
    expect(shape.extra).toEqual(extra)
  })
})
