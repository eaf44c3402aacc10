import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashOfTerms, isBoundTo } from '@/lib/settlements/binding'
import type { Settlement } from '@/lib/settlements/settlement'
import { addressOf, aSettlement } from '@/tests/support/payment-rows'

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, field]) => [name, shuffled(field)]),
  )
}

describe('the hash of terms', () => {
  const terms = { scheme: 'exact', amount: '10000', extra: { name: 'USDC', version: '2' }, list: [1, 'a', null] }

  it('does not depend on the order of fields, at any depth', () => {
    expect(hashOfTerms(shuffled(terms))).toBe(hashOfTerms(terms))
  })

  it('takes a field that is null for one that is not there: packages send both', () => {
    expect(hashOfTerms({ ...terms, resource: null, extra: { ...terms.extra, x: undefined } })).toBe(hashOfTerms(terms))
  })

  it.each([
    ['another value', { ...terms, amount: '10001' }],
    ['another type', { ...terms, amount: 10_000 }],
    ['one field more', { ...terms, description: '' }],
    ['one field less', { scheme: 'exact', amount: '10000' }],
    ['another order of a list', { ...terms, list: ['a', 1, null] }],
    ['a null of a list left out', { ...terms, list: [1, 'a'] }],
    ['another field deep inside', { ...terms, extra: { name: 'USDC', version: '1' } }],
    ['a text that looks like the fields', { ...terms, scheme: 'exact","amount":"10000' }],
  ])('changes with %s', (_, other) => {
    expect(hashOfTerms(other)).not.toBe(hashOfTerms(terms))
  })

  it('is one for whatever JSON, shuffled or sent through text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const hash = hashOfTerms(value)
        expect(hashOfTerms(shuffled(value))).toBe(hash)
        expect(hashOfTerms(JSON.parse(JSON.stringify(value)))).toBe(hash)
      }),
    )
  })

  it('of flat terms that differ is never the same', () => {
    const flat = fc.dictionary(fc.string({ maxLength: 4 }), fc.oneof(fc.string({ maxLength: 4 }), fc.integer()))
    const text = (value: Record<string, unknown>) =>
      JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    fc.assert(
      fc.property(flat, flat, (one, other) => {
        expect(hashOfTerms(one) === hashOfTerms(other)).toBe(text(one) === text(other))
      }),
    )
  })
})

describe('a row is bound', () => {
  const row = aSettlement()

  it('to the payment and the terms it was claimed for', () => {
    expect(isBoundTo(row, row, row)).toBe(true)
  })

  it.each([
    ['tenant', { tenantId: 'ten_other' as Settlement['tenantId'] }],
    ['mode', { mode: 'live' }],
    ['terms', { requirementsHash: 'others' }],
    ['recipient', { payTo: addressOf(1) }],
    ['amount', { amount: row.amount + 1n }],
    ['start', { validAfter: row.validAfter + 1n }],
    ['end', { validBefore: row.validBefore - 1n }],
  ] as [string, Partial<Settlement>][])('and not to another %s', (_, change) => {
    const other = { ...row, ...change }
    expect(isBoundTo(row, other, other)).toBe(false)
  })

  it('whatever became of it since', () => {
    expect(isBoundTo({ ...row, state: 'failed', version: 7, reason: 'x' }, row, row)).toBe(true)
  })
})
