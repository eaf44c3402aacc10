import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { exampleRequest } from '@/lib/contracts/example-request'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { freePort } from '@/scripts/local/processes'
import { call } from '@/tests/support/api'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl, rpcUrl } = inject('service')
const { key } = await createTenantWithKey(databaseUrl)
const { key: liveKey } = await createTenantWithKey(databaseUrl, { mode: 'live' })

const PAYERS = Object.entries(MAGIC_PAYERS).map(([payer, outcome]) => [outcome.name, payer, outcome.verify] as const)
const REFUSED = PAYERS.filter(([, , outcome]) => outcome !== 'valid' && outcome !== 'rpc_unavailable')

type Terms = { network?: string; asset?: string; amount?: string }

/** The published example with another payer, by v2 or v1, its signature being zeros. */
function body(payer: string, terms: Terms = {}, x402Version: 1 | 2 = 2) {
  const example = exampleRequest()
  const { authorization, signature } = example.paymentPayload.payload
  const { amount, ...rest } = { ...example.paymentRequirements, ...terms }
  const payload = { signature, authorization: { ...authorization, from: payer, value: amount } }
  if (x402Version === 2) {
    const requirements = { ...rest, amount }
    return {
      x402Version,
      paymentPayload: { x402Version, accepted: requirements, payload },
      paymentRequirements: requirements,
    }
  }
  const requirements = { ...rest, maxAmountRequired: amount, network: 'base-sepolia' }
  return {
    x402Version,
    paymentPayload: { x402Version, scheme: 'exact', network: 'base-sepolia', payload },
    paymentRequirements: requirements,
  }
}

const verify = (request: unknown, as = key, at = base) => call(`${at}/verify`, { key: as, body: request })

function expectOutcome(answer: Awaited<ReturnType<typeof verify>>, payer: string, outcome: string): void {
  const { status, body: got } = answer
  if (outcome === 'valid') expect([status, got]).toEqual([200, { isValid: true, payer }])
  else if (outcome !== 'rpc_unavailable') {
    expect([status, got]).toEqual([
      200,
      { isValid: false, invalidReason: outcome, invalidMessage: expect.stringMatching(/\S/), payer },
    ])
  } else {
    expect(status).toBe(503)
    expect(got).toMatchObject({ invalidReason: outcome, error: { code: outcome, retryable: true } })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  }
}

describe('in test mode a magic payer forces its outcome', () => {
  it('there are eight', () => {
    expect(PAYERS).toHaveLength(8)
    expect(new Set(PAYERS.map(([name]) => name)).size).toBe(8)
  })

  describe.each([1, 2] as const)('by x402 v%i', (x402Version) => {
    it.each(PAYERS)('%s', async (_, payer, outcome) => {
      expectOutcome(await verify(body(payer, {}, x402Version)), payer, outcome)
    })
  })

  it('the published example is valid as it stands, and again', async () => {
    for (let time = 0; time < 2; time++) {
      expect((await verify(exampleRequest())).body).toMatchObject({ isValid: true })
    }
  })

  it.each(REFUSED)('also on a testnet that is not configured here: %s', async (_, payer, outcome) => {
    const sepolia = { network: 'eip155:11155111', asset: '0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238' }
    expectOutcome(await verify(body(payer, sepolia)), payer, outcome)
  })

  it('but not over terms that are wrong: those a client must learn of first', async () => {
    const request = body('0x4020000000000000000000000000000000000001')
    const elsewhere = { ...request.paymentRequirements, payTo: '0x0000000000000000000000000000000000000009' }
    const answer = await verify({ ...request, paymentRequirements: elsewhere })
    expect(answer.body).toMatchObject({ isValid: false, invalidReason: 'accepted_requirements_mismatch' })
    const unlisted = await verify(body('0x4020000000000000000000000000000000000001', { asset: `0x${'1'.repeat(40)}` }))
    expect(unlisted.body).toMatchObject({ isValid: false, invalidReason: 'asset_not_listed' })
  })

  it('a neighbour of theirs is an address like any other', async () => {
    const answer = await verify(body('0x4020000000000000000000000000000000000009'))
    expect(answer.body.isValid).toBe(false)
  })
})

describe('in live mode they have no power', () => {
  let withMainnet: RunningWeb
  const mainnet = { network: 'eip155:8453', asset: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913', amount: '5000' }
  beforeAll(async () => {
    // Nothing listens there: the network is configured, and its chain is away.
    const away = `http://127.0.0.1:${await freePort(0)}`
    withMainnet = await startWeb({ databaseUrl, rpcUrls: { 84532: rpcUrl, 8453: away } })
  })
  afterAll(() => withMainnet.stop())

  it.each(PAYERS)('on a mainnet that is not configured every one is the same refusal: %s', async (_, payer) => {
    const answer = await verify(body(payer, mainnet), liveKey)
    expect([answer.status, answer.body.invalidReason]).toEqual([200, 'invalid_network'])
  })

  it.each(PAYERS)('on one whose chain is away none gets a verdict: %s', async (_, payer) => {
    const answer = await verify(body(payer, mainnet), liveKey, withMainnet.base)
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'rpc_unavailable'])
  })

  it.each(PAYERS)('on a testnet a live key is of the wrong mode: %s', async (_, payer) => {
    const answer = await verify(body(payer), liveKey)
    expect([answer.status, answer.body.error?.code]).toEqual([403, 'mode_mismatch'])
  })
})
