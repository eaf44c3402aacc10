import { describe, expect, it } from 'vitest'
import { checkAuthorization, checkTerms } from '@/lib/payments/exact-eip3009/checks'
import { network, type PaymentChanges, parsedPayment } from '@/tests/support/parsed-payment'

const NOW = 1_800_000_000n
const OTHER = '0x00000000000000000000000000000000000000bb'

/** Each rule broken alone, in the order in which they are reported. */
const TERMS: [string, PaymentChanges][] = [
  ['invalid_exact_evm_scheme', { accepted: { scheme: 'upto' } }],
  ['invalid_exact_evm_missing_eip712_domain', { domain: null }],
  ['invalid_exact_evm_network_mismatch', { accepted: { network: 'eip155:1' } }],
  ['accepted_requirements_mismatch', { accepted: { amount: 9_999n } }],
  ['asset_not_listed', { asset: null }],
  ['amount_below_minimum', { network: { ...network('eip155:84532'), minimumAmount: 10_001n } }],
]

const AUTHORIZATION: [string, PaymentChanges['authorization']][] = [
  ['invalid_exact_evm_recipient_mismatch', { to: OTHER }],
  ['invalid_exact_evm_payload_authorization_valid_before', { validBefore: NOW }],
  ['invalid_exact_evm_payload_authorization_valid_after', { validAfter: NOW + 1n }],
  ['invalid_exact_evm_payload_authorization_value_mismatch', { value: 9_999n }],
]

function merge(changes: readonly PaymentChanges[]): PaymentChanges {
  const accepted = Object.assign({}, ...changes.map((change) => change.accepted))
  return Object.assign({}, ...changes, { accepted })
}

describe('checkTerms', () => {
  it('a payment that nothing is wrong with passes', () => {
    expect(checkTerms(parsedPayment())).toBeNull()
  })

  it.each(TERMS)('%s', (reason, change) => {
    expect(checkTerms(parsedPayment(change))?.reason).toBe(reason)
  })

  it('of several faults the first in the reference’s order is told', () => {
    for (const [index, [reason]] of TERMS.entries()) {
      const faults = TERMS.slice(index).map(([, change]) => change)
      expect(checkTerms(parsedPayment(merge(faults)))?.reason).toBe(reason)
    }
  })

  it('a scheme other than exact in the requirements is refused too', () => {
    const payment = parsedPayment({ terms: { scheme: 'upto' }, accepted: { scheme: 'exact' } })
    expect(checkTerms(payment)?.reason).toBe('invalid_exact_evm_scheme')
  })

  it.each([
    ['asset', { asset: OTHER }],
    ['payTo', { payTo: OTHER }],
    ['amount', { amount: 10_001n }],
  ] as const)('accepted.%s must be what the seller asks for', (field, accepted) => {
    const refused = checkTerms(parsedPayment({ accepted }))
    expect(refused?.reason).toBe('accepted_requirements_mismatch')
    expect(refused?.message).toContain(`paymentPayload.accepted.${field}`)
  })

  it('v1, which has no accepted terms but scheme and network, is not asked for them', () => {
    const payment = parsedPayment({ x402Version: 1 })
    expect(checkTerms({ ...payment, accepted: { scheme: 'exact', network: 'eip155:84532' } })).toBeNull()
  })

  it('the least amount itself is enough, one unit less is not', () => {
    const base = network('eip155:8453')
    expect(base.minimumAmount).toBe(1_000n)
    expect(checkTerms(parsedPayment({ network: base, terms: { amount: 1_000n } }))).toBeNull()
    expect(checkTerms(parsedPayment({ network: base, terms: { amount: 999n } }))?.reason).toBe('amount_below_minimum')
  })

  it('names the token’s own domain when the seller named none', () => {
    expect(checkTerms(parsedPayment({ domain: null }))?.message).toContain('"USDC" and "2"')
  })
})

describe('checkAuthorization', () => {
  it('a payment that nothing is wrong with passes', () => {
    expect(checkAuthorization(parsedPayment(), NOW)).toBeNull()
  })

  it.each(AUTHORIZATION)('%s', (reason, authorization) => {
    expect(checkAuthorization(parsedPayment({ ...(authorization && { authorization }) }), NOW)?.reason).toBe(reason)
  })

  it('of several faults the first in the reference’s order is told', () => {
    for (const [index, [reason]] of AUTHORIZATION.entries()) {
      const authorization = Object.assign({}, ...AUTHORIZATION.slice(index).map(([, change]) => change))
      expect(checkAuthorization(parsedPayment({ authorization }), NOW)?.reason).toBe(reason)
    }
  })

  it.each([
    [5n, 'invalid_exact_evm_payload_authorization_valid_before'],
    [6n, undefined],
  ])('with %s seconds left the outcome is %s', (left, reason) => {
    const payment = parsedPayment({ authorization: { validBefore: NOW + left } })
    expect(checkAuthorization(payment, NOW)?.reason).toBe(reason)
  })

  it.each([
    [0n, undefined],
    [1n, 'invalid_exact_evm_payload_authorization_valid_after'],
  ])('beginning in %s seconds the outcome is %s', (ahead, reason) => {
    const payment = parsedPayment({ authorization: { validAfter: NOW + ahead } })
    expect(checkAuthorization(payment, NOW)?.reason).toBe(reason)
  })

  it.each([9_999n, 10_001n])('%s in the place of 10000 is refused, too much as well as too little', (value) => {
    const two = parsedPayment({ authorization: { value } })
    expect(checkAuthorization(two, NOW)?.reason).toBe('invalid_exact_evm_payload_authorization_value_mismatch')
    expect(checkAuthorization({ ...two, x402Version: 1 }, NOW)?.reason).toBe('invalid_exact_evm_authorization_value')
  })

  it('times beyond every clock do not overflow', () => {
    const authorization = { validBefore: (1n << 256n) - 1n, validAfter: 0n }
    expect(checkAuthorization(parsedPayment({ authorization }), NOW)).toBeNull()
  })
})
