import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exampleRequest } from '@/lib/contracts/example-request'
import { parseExactEip3009 } from '@/lib/payments/exact-eip3009/parse-payment'
import type { PaymentRequest } from '@/lib/payments/payment-request'
import { network, usdc } from '@/tests/support/parsed-payment'

const baseSepolia = network('eip155:84532')
const findAsset = () => usdc(baseSepolia)

function parse(request: PaymentRequest, x402Version: 1 | 2 = 2) {
  return parseExactEip3009({ x402Version, network: baseSepolia, request, findAsset })
}

/** The example with one field set, by its path; undefined takes it out. */
function changed(path: string, value: unknown, request: object = exampleRequest()): PaymentRequest {
  const copy = JSON.parse(JSON.stringify(request)) as Record<string, unknown>
  const keys = path.split('.')
  const last = keys.pop() as string
  const holder = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy)
  if (value === undefined) delete holder[last]
  else holder[last] = value
  return copy as PaymentRequest
}

function v1Request(): PaymentRequest {
  const { paymentPayload, paymentRequirements } = exampleRequest()
  const { amount, ...terms } = paymentRequirements
  return {
    x402Version: 1,
    paymentPayload: { x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: paymentPayload.payload },
    paymentRequirements: { ...terms, network: 'base-sepolia', maxAmountRequired: amount },
  }
}

const SIGNED = 'paymentPayload.payload'
const REQUIRED: [string, string][] = [
  ...['scheme', 'network', 'amount', 'asset', 'payTo'].flatMap((field): [string, string][] => [
    [`paymentRequirements.${field}`, 'invalid_payment_requirements'],
    [`paymentPayload.accepted.${field}`, 'invalid_payload'],
  ]),
  ['paymentPayload.accepted', 'invalid_payload'],
  [SIGNED, 'invalid_payload'],
  [`${SIGNED}.signature`, 'invalid_payload'],
  [`${SIGNED}.authorization`, 'invalid_payload'],
  ...['from', 'to', 'value', 'validAfter', 'validBefore', 'nonce'].map((field): [string, string] => [
    `${SIGNED}.authorization.${field}`,
    'invalid_payload',
  ]),
]

const address = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C'
const BAD: [string, string][] = [
  ['paymentRequirements.amount', '1e6'],
  ['paymentRequirements.amount', '-1'],
  ['paymentRequirements.amount', '01'],
  ['paymentRequirements.amount', `${1n << 256n}`],
  ['paymentRequirements.asset', 'USDC'],
  ['paymentRequirements.payTo', address.slice(0, -1)],
  ['paymentRequirements.payTo', `${address}\n`],
  ['paymentPayload.accepted.amount', '1.0'],
  ['paymentPayload.accepted.payTo', `${address}0`],
  [`${SIGNED}.signature`, '0x1'],
  [`${SIGNED}.signature`, 'signature'],
  [`${SIGNED}.signature`, `0X${'ab'.repeat(65)}`],
  [`${SIGNED}.signature`, ` 0x${'ab'.repeat(65)}`],
  [`${SIGNED}.authorization.from`, 'vitalik.eth'],
  [`${SIGNED}.authorization.to`, '0x'],
  [`${SIGNED}.authorization.value`, '+1'],
  [`${SIGNED}.authorization.validAfter`, '-1'],
  [`${SIGNED}.authorization.validBefore`, '1700000000.5'],
  [`${SIGNED}.authorization.nonce`, `0x${'00'.repeat(31)}`],
]

describe('parseExactEip3009', () => {
  it('reads a payment of v2', () => {
    const { terms, accepted, authorization, domain } = parse(exampleRequest()) as never as Record<string, object>
    expect(terms).toEqual({
      scheme: 'exact',
      network: 'eip155:84532',
      amount: 10_000n,
      asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
      payTo: address.toLowerCase(),
    })
    expect(accepted).toEqual(terms)
    expect(authorization).toMatchObject({ value: 10_000n, validAfter: 0n, validBefore: 4_102_444_800n })
    expect(domain).toEqual({ name: 'USDC', version: '2' })
  })

  it('reads a payment of v1, whose amount is called maxAmountRequired', () => {
    const parsed = parse(v1Request(), 1)
    expect(parsed).toMatchObject({
      x402Version: 1,
      terms: { amount: 10_000n },
      accepted: { scheme: 'exact', network: 'base-sepolia' },
    })
  })

  it('writes hex in lower case and remembers how the payer was written', () => {
    const shouted = changed(`${SIGNED}.authorization.from`, '0xABCDEF0000000000000000000000000000000001')
    expect(parse(shouted)).toMatchObject({
      payer: '0xABCDEF0000000000000000000000000000000001',
      authorization: { from: '0xabcdef0000000000000000000000000000000001' },
    })
  })

  it('is the same payment in whatever case its hex is written', () => {
    const capitals = (text: string) =>
      text.replace(/"0x[0-9a-fA-F]+"/g, (hex) => `"0x${hex.slice(3, -1).toUpperCase()}"`)
    const nonce = `0x${'ab'.repeat(32)}`
    const written = changed(
      `${SIGNED}.signature`,
      `0x${'cd'.repeat(65)}`,
      changed(`${SIGNED}.authorization.nonce`, nonce),
    )
    const shouted = JSON.parse(capitals(JSON.stringify(written))) as PaymentRequest
    expect(JSON.stringify(shouted)).not.toBe(JSON.stringify(written))
    expect({ ...parse(shouted), payer: '' }).toEqual({ ...parse(written), payer: '' })
  })

  it.each(REQUIRED)('without %s the answer is %s, and names the field', (path, reason) => {
    for (const nothing of [undefined, null]) {
      const parsed = parse(changed(path, nothing))
      expect(parsed).toMatchObject({ reason, message: `${path} is missing. Send it.` })
    }
  })

  it.each(BAD)('%s of %j is badly formed, and the field is named', (path, value) => {
    const reason = path.startsWith('paymentRequirements') ? 'invalid_payment_requirements' : 'invalid_payload'
    const parsed = parse(changed(path, value))
    expect(parsed).toMatchObject({ reason })
    expect((parsed as { message: string }).message.startsWith(`${path} must be `)).toBe(true)
  })

  it('v1 without maxAmountRequired names that field', () => {
    const request = changed('paymentRequirements.maxAmountRequired', undefined, v1Request())
    expect(parse(request, 1)).toMatchObject({ reason: 'invalid_payment_requirements' })
    expect((parse(request, 1) as { message: string }).message).toContain('paymentRequirements.maxAmountRequired')
  })

  it.each(['scheme', 'network'])('v1 without paymentPayload.%s is an invalid payload', (field) => {
    expect(parse(changed(`paymentPayload.${field}`, undefined, v1Request()), 1)).toMatchObject({
      reason: 'invalid_payload',
      message: `paymentPayload.${field} is missing. Send it.`,
    })
  })

  it('what is wrong with the requirements is told before what is wrong with the payload', () => {
    const both = changed('paymentRequirements.payTo', 'x', changed(`${SIGNED}.signature`, 'x'))
    expect(parse(both)).toMatchObject({ reason: 'invalid_payment_requirements' })
  })

  it.each([undefined, null, {}, { name: 'USDC' }, { version: '2' }, { name: '', version: '2' }])(
    'extra of %j names no domain, which is for the checks to refuse',
    (extra) => {
      expect(parse(changed('paymentRequirements.extra', extra))).toMatchObject({ domain: null })
    },
  )

  it('a long wrong value is shown shortened', () => {
    const parsed = parse(changed('paymentRequirements.amount', 'x'.repeat(60_000))) as { message: string }
    expect(parsed.message.length).toBeLessThan(300)
  })

  it('never throws, whatever text stands in a field', () => {
    const paths = REQUIRED.map(([path]) => path).filter((path) => !/(accepted|payload|authorization)$/.test(path))
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.string(), (path, text) => {
        const parsed = parse(changed(path, text))
        expect('reason' in parsed || 'terms' in parsed).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })
})
