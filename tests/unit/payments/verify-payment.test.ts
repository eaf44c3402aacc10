import { describe, expect, it } from 'vitest'
import { exampleRequest } from '@/lib/contracts/example-request'
import { AppError } from '@/lib/core/errors'
import type { Mode } from '@/lib/core/plans'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import type { PaymentRequest } from '@/lib/payments/payment-request'
import { unknownFacts, verifyPayment } from '@/lib/payments/verify-payment'
import { fakeChain } from '@/tests/support/fake-chain'
import { usdc } from '@/tests/support/parsed-payment'

type Status = 'served' | 'not_configured' | 'unavailable'
type Given = {
  version?: unknown
  top?: unknown
  scheme?: unknown
  network?: unknown
  payer?: string
  permit2?: boolean
}

const NOBODY = '0x00000000000000000000000000000000000000aa'
const neverAsked = fakeChain({ fails: new Error('the chain was asked') })

function request({ version = 2, top, scheme = 'exact', network = 'eip155:84532', payer = NOBODY, permit2 }: Given) {
  const { paymentPayload, paymentRequirements } = JSON.parse(JSON.stringify(exampleRequest()))
  Object.assign(paymentPayload, { x402Version: version })
  Object.assign(paymentPayload.payload.authorization, { from: payer })
  for (const terms of [paymentRequirements, paymentPayload.accepted]) Object.assign(terms, { scheme, network })
  if (permit2) paymentPayload.payload.permit2Authorization = {}
  return { x402Version: top, paymentPayload, paymentRequirements } as PaymentRequest
}

function verify(body: PaymentRequest, mode: Mode = 'test', status: Status = 'served', facts = unknownFacts()) {
  const networks = { status: () => status, findAsset: usdc }
  return verifyPayment({ now: () => 1_800_000_000_000, chain: neverAsked, networks }, { mode, request: body }, facts)
}

const refused = (reason: string) => ({ valid: false, reason })
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: AppError) => error.code,
  )

describe('what is served', () => {
  it.each([0, 3, 1.5, -1, Number.NaN])('x402Version of %s is refused', async (version) => {
    expect(await verify(request({ version }))).toMatchObject(refused('invalid_x402_version'))
  })

  it('a version that is nowhere is refused; one at the top alone is enough', async () => {
    expect(await verify(request({ version: null }))).toMatchObject(refused('invalid_x402_version'))
    expect(await verify(request({ version: null, top: 2, scheme: 'upto' }))).toMatchObject(
      refused('unsupported_scheme'),
    )
  })

  it.each(['upto', 'Exact', ' exact', 'deferred', '__proto__'])('the scheme %j is refused', async (scheme) => {
    expect(await verify(request({ scheme }))).toMatchObject(refused('unsupported_scheme'))
  })

  it.each(['eip155:5', 'eip155:084532', 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp', 'base', 'toString', 'EIP155:8453'])(
    'the network %s is refused in v2',
    async (network) => {
      expect(await verify(request({ network }))).toMatchObject(refused('invalid_network'))
    },
  )

  it.each(['eip155:84532', 'base_sepolia', 'arbitrum', 'constructor'])(
    'the network %s is refused in v1',
    async (network) => {
      expect(await verify(request({ version: 1, network }))).toMatchObject(refused('invalid_network'))
    },
  )

  it('a network without an RPC URL is refused like one that we do not know', async () => {
    expect(await verify(request({}), 'test', 'not_configured')).toMatchObject(refused('invalid_network'))
  })

  it.each(['scheme', 'network'] as const)('requirements without %s are invalid requirements', async (field) => {
    expect(await verify(request({ [field]: null }))).toMatchObject(refused('invalid_payment_requirements'))
  })

  it('Permit2 is refused by name', async () => {
    expect(await verify(request({ permit2: true }))).toMatchObject(refused('unsupported_payload_type'))
  })

  it('a name that goes into a message is shortened and quoted', async () => {
    const verdict = await verify(request({ network: `"\n${'x'.repeat(60_000)}` }))
    expect(verdict).toMatchObject(refused('invalid_network'))
    expect((verdict as { message: string }).message.length).toBeLessThan(300)
    expect((verdict as { message: string }).message).not.toContain('\n')
  })
})

describe('the priority', () => {
  it('version, then scheme, then network', async () => {
    const all = { version: 3, scheme: 'upto', network: 'eip155:5' }
    expect(await verify(request(all))).toMatchObject(refused('invalid_x402_version'))
    expect(await verify(request({ ...all, version: 2 }))).toMatchObject(refused('unsupported_scheme'))
    expect(await verify(request({ network: 'eip155:5' }))).toMatchObject(refused('invalid_network'))
  })

  it('a network that nobody knows has no mode, so it is invalid and not of the other mode', async () => {
    expect(await verify(request({ network: 'eip155:5' }), 'live')).toMatchObject(refused('invalid_network'))
  })

  it.each([
    ['test', 'eip155:8453'],
    ['live', 'eip155:84532'],
  ] as const)('a %s key naming %s is a mode mismatch, also where that network is not served', async (mode, network) => {
    for (const status of ['served', 'not_configured', 'unavailable'] as const) {
      expect(await codeOf(verify(request({ network }), mode, status))).toBe('mode_mismatch')
    }
  })

  it('a network taken out by the start check is our failure, after everything that is wrong with the payment’s form', async () => {
    expect(await codeOf(verify(request({}), 'test', 'unavailable'))).toBe('rpc_unavailable')
    const malformed = await verify(request({ payer: 'vitalik.eth' }), 'test', 'unavailable')
    expect(malformed).toMatchObject(refused('invalid_payload'))
  })
})

describe('a refusal', () => {
  it('names the payer as it was written', async () => {
    const payer = '0x00000000000000000000000000000000000000AA'
    expect(await verify(request({ payer, scheme: 'upto' }))).toMatchObject({ payer })
  })

  it('leaves the facts that were known by then', async () => {
    const facts = unknownFacts()
    await verify(request({ network: 'eip155:5' }), 'test', 'served', facts)
    expect(facts).toEqual({ x402Version: 2, network: null, record: null, block: null })
    await codeOf(verify(request({}), 'test', 'unavailable', facts))
    expect(facts.network?.id).toBe('eip155:84532')
    expect(facts.record).toMatchObject({ payer: NOBODY, amount: 10_000n })
  })
})

/** What a magic payment must come to: a verdict, or the code of our failure. */
function forced(outcome: string, payer: string): unknown {
  if (outcome === 'rpc_unavailable') return outcome
  if (outcome === 'valid') return { valid: true, payer }
  return expect.objectContaining({ valid: false, reason: outcome, payer })
}

describe('magic payments', () => {
  const payers = Object.entries(MAGIC_PAYERS)

  it('are eight', () => {
    expect(payers).toHaveLength(8)
    for (const [address] of payers) expect(address).toMatch(/^0x[0-9a-f]{40}$/)
  })

  it.each(payers)(
    '%s forces its outcome without a chain, whether the network is served or not',
    async (payer, magic) => {
      for (const status of ['served', 'not_configured', 'unavailable'] as const) {
        for (const written of [payer, payer.toUpperCase().replace('0X', '0x')]) {
          const got = await verify(request({ payer: written }), 'test', status).catch((error: AppError) => error.code)
          expect(got).toEqual(forced(magic.verify, written))
        }
      }
    },
  )

  it('are held to the seller’s terms', async () => {
    const [valid] = payers[0] as [string, unknown]
    const body = request({ payer: valid })
    Object.assign(body.paymentRequirements, { amount: '20000' })
    expect(await verify(body)).toMatchObject(refused('accepted_requirements_mismatch'))
  })

  it('do not exist in live mode', async () => {
    for (const [payer] of payers) {
      const body = request({ payer, network: 'eip155:8453' })
      expect(await codeOf(verify(body, 'live', 'unavailable'))).toBe('rpc_unavailable')
      expect(await verify(body, 'live', 'not_configured')).toMatchObject(refused('invalid_network'))
    }
  })
})

it('an AppError is what a caller’s mistake is told by', async () => {
  await expect(verify(request({ network: 'eip155:8453' }))).rejects.toBeInstanceOf(AppError)
})
