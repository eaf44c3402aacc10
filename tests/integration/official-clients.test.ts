import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import type { ErrorCode } from '@/lib/core/error-catalogue'
import { fromOwnAddress } from '@/tests/support/addresses'
import { buildPayment } from '@/tests/support/build-payment'
import { magicBody } from '@/tests/support/magic'
import { createTenantWithKey } from '@/tests/support/tenants'

// The official packages, unmodified, as a seller's server uses them: they are only pointed at our URL.

type Verified = { isValid: boolean; invalidReason?: string; invalidMessage?: string; payer?: string }
type Settled = { success: boolean; errorReason?: string; transaction: string; network: string }
type Supported = { kinds: { x402Version: number; scheme: string; network: string }[] }
type Headers = Record<string, string>
type Config = { url: string; createAuthHeaders: () => Promise<Record<string, Headers>> }
type Client = {
  verify(payload: unknown, requirements: unknown): Promise<Verified>
  settle(payload: unknown, requirements: unknown): Promise<Settled>
  getSupported(): Promise<Supported>
}

const official = createRequire(join(process.cwd(), 'tests/official/package.json'))
const { HTTPFacilitatorClient } = official('@x402/core/http') as {
  HTTPFacilitatorClient: new (config: Config) => Client
}
const { useFacilitator: connectV1 } = official('x402/verify') as {
  useFacilitator(config: Config): Omit<Client, 'getSupported'> & { supported(): Promise<Supported> }
}

const { base, databaseUrl } = inject('service')
const { key } = await createTenantWithKey(databaseUrl)

function configFor(as: string, url = base): Config {
  const headers = { Authorization: `Bearer ${as}`, ...fromOwnAddress() }
  const byPath = { verify: headers, settle: headers, supported: headers, bazaar: headers }
  return { url, createAuthHeaders: async () => byPath }
}

function clientV1(config: Config): Client {
  const { verify, settle, supported } = connectV1(config)
  return { verify, settle, getSupported: supported }
}

const CLIENTS = [
  {
    name: 'HTTPFacilitatorClient of @x402/core',
    x402Version: 2,
    create: (config: Config): Client => new HTTPFacilitatorClient(config),
  },
  { name: 'useFacilitator of x402 v1', x402Version: 1, create: clientV1 },
] as const

/** What a call threw; a call that did not throw fails the test. */
async function thrownBy(run: () => Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const thrown = await run().then(
    () => null,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(Error)
  return thrown as Error & Record<string, unknown>
}

describe.each(CLIENTS)('$name', ({ x402Version, create }) => {
  const client = create(configFor(key))
  const payment = () => buildPayment({ x402Version })

  it('reads what is supported, with the kind it needs', async () => {
    const { kinds } = await client.getSupported()
    const network = x402Version === 2 ? 'eip155:84532' : 'base-sepolia'
    expect(kinds).toContainEqual({ x402Version, scheme: 'exact', network })
  })

  it('reads a valid payment', async () => {
    const { paymentPayload, paymentRequirements } = await payment()
    const verified = await client.verify(paymentPayload, paymentRequirements)
    expect(verified).toMatchObject({ isValid: true, payer: paymentPayload.payload.authorization.from })
  })

  it('reads a refused payment, with the reason', async () => {
    const { paymentPayload, paymentRequirements } = await payment()
    const other = (await payment()).paymentPayload.payload.signature
    const forged = { ...paymentPayload, payload: { ...paymentPayload.payload, signature: other } }
    const verified = await client.verify(forged, paymentRequirements)
    expect(verified).toMatchObject({ isValid: false, invalidReason: 'invalid_exact_evm_signature' })
  })

  it.each(['/', '//'])('may be given a URL that ends with "%s"', async (ending) => {
    const { paymentPayload, paymentRequirements } = await payment()
    const slashed = create(configFor(key, `${base}${ending}`))
    expect(await slashed.verify(paymentPayload, paymentRequirements)).toMatchObject({ isValid: true })
    expect((await slashed.getSupported()).kinds).not.toEqual([])
  })

  type Way = { code: ErrorCode; status: number; key: () => Promise<string>; body?: () => Promise<unknown> }
  const good = async () => key
  const without = (limits: { minute: number | null; month: number | null }) => async () =>
    (await createTenantWithKey(databaseUrl, { plan: 'free', limits: { hour: null, ...limits } })).key
  const withScopes = (scopes: ('verify' | 'settle' | 'logs:read')[]) => async () =>
    (await createTenantWithKey(databaseUrl, { scopes })).key
  const live = async () => (await createTenantWithKey(databaseUrl, { mode: 'live' })).key
  const huge = async () => {
    const body = await payment()
    return { ...body, paymentPayload: { ...body.paymentPayload, extensions: 'x'.repeat(80_000) } }
  }
  const misshapen = async () => {
    const body = await payment()
    return { ...body, paymentPayload: { ...body.paymentPayload, payload: 'not an object' } }
  }
  const SHARED: Way[] = [
    { code: 'api_key_invalid', status: 401, key: async () => 'x402_test_wrong' },
    { code: 'insufficient_scope', status: 403, key: withScopes(['logs:read']) },
    { code: 'mode_mismatch', status: 403, key: live },
    { code: 'parameter_invalid', status: 400, key: good, body: misshapen },
    { code: 'body_too_large', status: 413, key: good, body: huge },
    { code: 'rate_limit_exceeded', status: 429, key: without({ minute: 0, month: null }) },
  ]
  const ON_VERIFY: Way[] = [
    ...SHARED,
    { code: 'quota_exceeded', status: 429, key: without({ minute: null, month: 0 }) },
    { code: 'rpc_unavailable', status: 503, key: good, body: async () => magicBody('RPC unavailable') },
  ]
  const ON_SETTLE: Way[] = [
    ...SHARED,
    { code: 'rpc_unavailable', status: 503, key: good, body: async () => magicBody('RPC unavailable') },
  ]

  async function failing(operation: 'verify' | 'settle', { key: keyOf, body = payment }: Way) {
    const { paymentPayload, paymentRequirements } = (await body()) as Record<string, unknown>
    const asked = create(configFor(await keyOf()))
    return thrownBy(() => asked[operation](paymentPayload, paymentRequirements))
  }

  it.each(ON_VERIFY)('a failed verify keeps its reason: $status $code', async (way) => {
    const error = await failing('verify', way)
    expect(error).toMatchObject({ name: 'VerifyError', statusCode: way.status, invalidReason: way.code })
    expect(error.message).not.toContain('requestId')
    expect(error.message.length).toBeLessThan(300)
  })

  it.each(ON_SETTLE)('a failed settle keeps its reason: $status $code', async (way) => {
    const error = await failing('settle', way)
    expect(error).toMatchObject({ name: 'SettleError', statusCode: way.status, errorReason: way.code })
    expect(error.message).not.toContain('requestId')
  })

  it('a key that is not good is told as such at the start of a server', async () => {
    const { message } = await thrownBy(() => create(configFor('x402_test_wrong')).getSupported())
    expect(message).toMatch(/401|Unauthorized/)
  })
})

describe('what a payer may read', () => {
  it('no word in an error body is of the tenant', async () => {
    const tenant = await createTenantWithKey(databaseUrl, { scopes: ['logs:read'] })
    const { paymentPayload, paymentRequirements } = await buildPayment()
    for (const operation of ['verify', 'settle'] as const) {
      const client = new HTTPFacilitatorClient(configFor(tenant.key))
      const { message } = await thrownBy(() => client[operation](paymentPayload, paymentRequirements))
      for (const word of [tenant.key, tenant.keyId, tenant.tenantId, 'Test pro', tenant.key.slice(-4)]) {
        expect(message).not.toContain(word)
      }
    }
  })
})
