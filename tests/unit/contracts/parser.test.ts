import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exampleRequest } from '@/lib/contracts/example-request'
import { analyticsQuery, listVerificationsQuery } from '@/lib/contracts/queries'
import {
  paymentBody,
  SettleResponse,
  settleErrorShape,
  toVerifyResponse,
  VerifyResponse,
  verifyErrorShape,
} from '@/lib/contracts/x402'

const problemsOf = (parsed: ReturnType<typeof paymentBody>) => ('problems' in parsed ? parsed.problems : [])

describe('the envelope of a payment', () => {
  it('the example is one', () => {
    expect(paymentBody(exampleRequest())).toHaveProperty('value')
  })

  it('unknown fields pass, and nulls count as missing', () => {
    const { paymentPayload, paymentRequirements } = exampleRequest()
    const body = {
      x402Version: null,
      more: [1],
      paymentPayload: { ...paymentPayload, extensions: { a: 1 }, resource: null },
      paymentRequirements: { ...paymentRequirements, outputSchema: {}, extra: null, description: null },
    }
    expect(paymentBody(body)).toHaveProperty('value')
  })

  it.each(['paymentPayload', 'paymentRequirements'])('without %s the answer names it and the fix', (field) => {
    const body = { ...exampleRequest(), [field]: undefined }
    expect(paymentBody(body)).toEqual({
      code: 'parameter_missing',
      problems: [{ param: field, message: 'is missing', fix: 'Send it as an object.' }],
    })
  })

  it.each([
    ['text', 'a string'],
    [7, 'a number'],
    [null, 'null'],
    [[], 'an array'],
    [true, 'a boolean'],
  ])('%j in the place of an object is told as %s', (value, got) => {
    const parsed = paymentBody({ ...exampleRequest(), paymentPayload: value })
    expect(parsed).toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'paymentPayload' }] })
    expect(problemsOf(parsed)[0]?.message).toBe(`must be an object, got ${got}`)
  })

  it('a number in the place of an amount is told by its path', () => {
    const { paymentRequirements, ...rest } = exampleRequest()
    const parsed = paymentBody({ ...rest, paymentRequirements: { ...paymentRequirements, amount: 10_000 } })
    expect(problemsOf(parsed)).toEqual([
      { param: 'paymentRequirements.amount', message: 'must be a string, got a number', fix: 'Send the right type.' },
    ])
  })

  it('tells at most ten problems, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const parsed = paymentBody(value)
        expect(problemsOf(parsed).length).toBeLessThanOrEqual(10)
        const inside = paymentBody({ paymentPayload: value, paymentRequirements: value })
        for (const problem of problemsOf(inside)) expect(problem.param.length).toBeLessThanOrEqual(200)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the answers', () => {
  it('a verdict has the shape of the protocol', () => {
    expect(toVerifyResponse({ valid: true, payer: '0xAA' })).toEqual({ isValid: true, payer: '0xAA' })
    expect(toVerifyResponse({ valid: false, reason: 'r', message: 'm' })).toEqual({
      isValid: false,
      invalidReason: 'r',
      invalidMessage: 'm',
    })
    expect(
      VerifyResponse.parse(toVerifyResponse({ valid: false, reason: 'r', message: 'm', payer: 'p' })),
    ).toHaveProperty('payer', 'p')
  })

  it('what is no verdict has it too', () => {
    expect(VerifyResponse.parse(verifyErrorShape('c', 'm'))).toMatchObject({ isValid: false, invalidReason: 'c' })
    expect(SettleResponse.parse(settleErrorShape('c', 'm'))).toMatchObject({
      success: false,
      transaction: '',
      network: '',
    })
  })
})

describe('queries', () => {
  it('have defaults', () => {
    expect(listVerificationsQuery({})).toEqual({ value: { limit: 20 } })
    expect(analyticsQuery({})).toEqual({ value: { days: 30 } })
  })

  it.each([
    ['limit', '0'],
    ['limit', '101'],
    ['limit', '1e1'],
    ['limit', '-1'],
    ['limit', ' 5'],
    ['limit', '٥'],
    ['from', 'yesterday'],
    ['to', '2026-11-21'],
    ['outcome', 'maybe'],
    ['payer', '0x1'],
    ['cursor', 'x'.repeat(101)],
    ['cursor', 'a\0b'],
    ['network', 'eip155:1\n'],
    ['reason', 'ünbekannt'],
    ['keyId', '\ud800'],
  ])('%s of %j is refused by its name', (name, value) => {
    expect(listVerificationsQuery({ [name]: value })).toMatchObject({
      code: 'parameter_invalid',
      problems: [{ param: name }],
    })
  })

  it('a filter that is misspelt must not show everything', () => {
    expect(listVerificationsQuery({ outcom: 'valid' })).toMatchObject({ code: 'parameter_invalid' })
    expect(analyticsQuery({ day: '7' })).toMatchObject({ code: 'parameter_invalid' })
  })

  it('an address is compared in lower case', () => {
    const payer = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'
    expect(listVerificationsQuery({ payer })).toMatchObject({ value: { payer: payer.toLowerCase() } })
  })

  it.each(['0', '91', 'x', ''])('days of %j are refused', (days) => {
    expect(analyticsQuery({ days })).toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'days' }] })
  })
})
