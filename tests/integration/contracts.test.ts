import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { ZodType } from 'zod'
import {
  AnalyticsAnswer,
  ErrorAnswer,
  HealthAnswer,
  KeyAnswer,
  NetworksAnswer,
  PricingAnswer,
  UsageAnswer,
  VerificationAnswer,
  VerificationsAnswer,
} from '@/lib/contracts/answers'
import { SettleResponse, SupportedResponse, VerifyResponse } from '@/lib/contracts/x402'
import { PLAN_IDS, PLANS } from '@/lib/core/plans'
import { freePort } from '@/scripts/local/processes'
import { fromOwnAddress } from '@/tests/support/addresses'
import { type Answer, type CallOptions, call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { logOnceItHas } from '@/tests/support/log'
import { magicBody } from '@/tests/support/magic'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const service = inject('service')
const { base, databaseUrl } = service

/** The answer as its schema reads it; a field too many or too few fails the test. */
function expectShape(schema: ZodType, { body }: Answer): void {
  const { error } = schema.safeParse(body)
  expect(error?.issues ?? []).toEqual([])
}

/** Two tenants, one with rows of every outcome and one without any. */
async function twoTenants() {
  const [busy, fresh] = await Promise.all([
    createTenantWithKey(databaseUrl, { plan: 'starter', limits: {} }),
    createTenantWithKey(databaseUrl, { plan: 'enterprise', limits: {} }),
  ])
  const strange = magicBody('valid')
  strange.paymentRequirements.network = 'x'.repeat(200)
  const bodies = [
    await buildPayment(),
    await buildPayment({ x402Version: 1 }),
    magicBody('valid'),
    magicBody('expired'),
    magicBody('RPC unavailable'),
    strange,
  ]
  await Promise.all(bodies.map((body) => call(`${base}/verify`, { key: busy.key, body })))
  const rows = await logOnceItHas(base, busy.key, bodies.length)
  return { busy, fresh, rows }
}

describe('every answer is of its published shape', async () => {
  const { busy, fresh, rows } = await twoTenants()

  it.each([
    ['usage', UsageAnswer],
    ['key', KeyAnswer],
    ['networks', NetworksAnswer],
    ['pricing', PricingAnswer],
    ['verifications', VerificationsAnswer],
    ['verifications?limit=2', VerificationsAnswer],
    ['analytics', AnalyticsAnswer],
    ['analytics?days=90', AnalyticsAnswer],
    ['health', HealthAnswer],
  ] as const)('GET /%s', async (path, schema) => {
    for (const { key } of [busy, fresh]) {
      const answer = await call(`${base}/${path}`, { key })
      expect(answer.status).toBe(200)
      expectShape(schema, answer)
    }
  })

  it('GET /verifications/{id}, whatever became of the payment', async () => {
    for (const { id } of rows)
      expectShape(VerificationAnswer, await call(`${base}/verifications/${id}`, { key: busy.key }))
    expect(rows).toHaveLength(6)
  })

  it('GET /supported has no field that the contract does not name', async () => {
    const { body } = await call(`${base}/supported`)
    expect(SupportedResponse.parse(body)).toEqual(body)
    expect(body).toMatchObject({ extensions: [], signers: {} })
  })

  it('POST /verify has the protocol’s fields and no other', async () => {
    const valid = await call(`${base}/verify`, { key: fresh.key, body: await buildPayment() })
    const refused = await call(`${base}/verify`, { key: fresh.key, body: magicBody('expired') })
    expect(Object.keys(VerifyResponse.parse(valid.body)).sort()).toEqual(['isValid', 'payer'])
    const fields = ['invalidMessage', 'invalidReason', 'isValid', 'payer']
    expect(Object.keys(VerifyResponse.parse(refused.body)).sort()).toEqual(fields)
  })

  it('the plans are those of the one table', async () => {
    const { body } = await call(`${base}/pricing`, { headers: fromOwnAddress() })
    expect(body.data).toEqual(PLAN_IDS.map((id) => ({ id, ...PLANS[id] })))
  })

  it('GET /usage tells a new tenant its plan, and the calendar month', async () => {
    const { body } = await call(`${base}/usage`, { key: fresh.key })
    const now = new Date()
    const month = (offset: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset)).toISOString()
    expect(body).toEqual({
      mode: 'test',
      plan: 'enterprise',
      period: { start: month(0), end: month(1) },
      verifications: { used: 1 + 1, limit: null, remaining: null, hardLimit: null, usedPercent: null },
      settlements: null,
      requests: { perMinute: 2_000, perHour: 200_000 },
    })
  })
})

describe('every error is of the one shape', async () => {
  const { key } = await createTenantWithKey(databaseUrl)
  const { key: reader } = await createTenantWithKey(databaseUrl, { scopes: ['logs:read'] })
  const { key: spent } = await createTenantWithKey(databaseUrl, { limits: { minute: 0, hour: null, month: null } })
  const { key: live } = await createTenantWithKey(databaseUrl, { mode: 'live' })
  const body = magicBody('valid')
  const noKey = { headers: fromOwnAddress() }

  it.each<[number, string, string, CallOptions]>([
    [400, 'invalid_json', '/verify', { key, body: '{' }],
    [400, 'parameter_missing', '/verify', { key, body: {} }],
    [400, 'parameter_invalid', '/verify', { key, body: [] }],
    [400, 'parameter_invalid', '/verifications?limit=x', { key }],
    [400, 'parameter_invalid', '/analytics?days=91', { key }],
    [401, 'api_key_missing', '/usage', noKey],
    [401, 'api_key_missing', '/verify', { ...noKey, body }],
    [401, 'api_key_invalid', '/networks', { ...noKey, key: 'x' }],
    [403, 'insufficient_scope', '/analytics', { key: reader }],
    [403, 'mode_mismatch', '/verify', { key: live, body }],
    [404, 'resource_not_found', '/verifications/x', { key }],
    [404, 'route_not_found', '/nothing', { key }],
    [404, 'route_not_found', '/verifications/a/b', { key }],
    [404, 'route_not_found', '/nothing', { method: 'POST', body: {}, key }],
    [405, 'method_not_allowed', '/usage', { method: 'DELETE', key }],
    [413, 'body_too_large', '/settle', { key, body: magicBody('valid', { resource: 'x'.repeat(70_000) }) }],
    [415, 'unsupported_media_type', '/verify', { key, body: 'a=b', headers: { 'content-type': 'text/plain' } }],
    [429, 'rate_limit_exceeded', '/key', { key: spent }],
    [503, 'rpc_unavailable', '/verify', { key, body: magicBody('RPC unavailable') }],
    [503, 'rpc_unavailable', '/settle', { key, body: magicBody('RPC unavailable') }],
  ])('%i %s of %s', async (status, code, path, options) => {
    const answer = await call(`${base}${path}`, options)
    expect([answer.status, answer.body.error?.code]).toEqual([status, code])
    expectShape(ErrorAnswer, answer)
    const { docUrl, requestId, retryable } = answer.body.error
    expect(docUrl).toMatch(new RegExp(`^https?://[^/]+/docs/errors/${code}$`))
    expect(requestId).toBe(answer.headers.get('x-request-id'))
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.has('retry-after')).toBe(status === 429 || status === 503)
    if (status === 503) expect(retryable).toBe(true)
  })

  it.each(['verify', 'settle'])(
    'every body of /%s that is not 200 speaks to an official client as well',
    async (route) => {
      const { headers } = noKey
      const answers = await Promise.all([
        call(`${base}/${route}`, { headers, body }),
        call(`${base}/${route}`, { key: reader, body }),
        call(`${base}/${route}`, { key: live, body }),
        call(`${base}/${route}`, { key, body: '{' }),
        call(`${base}/${route}`, { key: spent, body }),
        call(`${base}/${route}`, { key, body: magicBody('valid', { resource: 'x'.repeat(70_000) }) }),
        call(`${base}/${route}`, { key, body: '{}', headers: { 'content-type': 'text/plain' } }),
        call(`${base}/${route}`, { key, method: 'GET' }),
        call(`${base}/${route}`, { key, method: 'PUT', body }),
      ])
      expect(answers.map(({ status }) => status)).toEqual([401, 403, 403, 400, 429, 413, 415, 405, 405])
      for (const answer of answers) {
        const { code, message } = answer.body.error
        expect(answer.body).toMatchObject(
          route === 'verify'
            ? { isValid: false, invalidReason: code, invalidMessage: message }
            : { success: false, errorReason: code, errorMessage: message, transaction: '', network: '' },
        )
      }
    },
  )

  it.each(['/verifications/%E0%A4%A', '/%', '/verify/%2e%2e/%c0%af', '/../x402/nothing', '/VERIFY'])(
    'a path that is no path is JSON too: %s',
    async (path) => {
      const answer = await call(`${base}${path}`, { key })
      expect([400, 404]).toContain(answer.status)
      expectShape(ErrorAnswer, answer)
    },
  )
})

describe('GET /supported', () => {
  let withMainnet: RunningWeb
  beforeAll(async () => {
    // Nothing listens there: a network whose chain is away stays listed, or sellers' servers would not start.
    const away = `http://127.0.0.1:${await freePort(0)}`
    withMainnet = await startWeb({ databaseUrl, rpcUrls: { 84532: service.rpcUrl, 8453: away } })
  })
  afterAll(() => withMainnet.stop())

  const networksFor = async (key?: string) => {
    const { status, body } = await call(`${withMainnet.base}/supported`, key === undefined ? {} : { key })
    expect(status).toBe(200)
    return new Set(body.kinds.map(({ network }: { network: string }) => network))
  }

  it('shows a key the kinds of its mode, and everybody else all of them', async () => {
    const [test, live] = await Promise.all([
      createTenantWithKey(databaseUrl),
      createTenantWithKey(databaseUrl, { mode: 'live' }),
    ])
    expect(await networksFor(test.key)).toEqual(new Set(['base-sepolia', 'eip155:84532']))
    expect(await networksFor(live.key)).toEqual(new Set(['base', 'eip155:8453']))
    expect(await networksFor()).toEqual(new Set(['base', 'base-sepolia', 'eip155:84532', 'eip155:8453']))
  })

  it('GET /networks shows a key its mode too, and says what is wrong', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { mode: 'live' })
    const answer = await call(`${withMainnet.base}/networks`, { key })
    expectShape(NetworksAnswer, answer)
    expect(answer.body.data).toMatchObject([{ id: 'eip155:8453', mode: 'live', status: 'unavailable' }])
    expect(answer.body.data[0].problem).not.toContain('127.0.0.1')
  })

  it('GET /health is degraded by it, in its published shape', async () => {
    const answer = await call(`${withMainnet.base}/health`)
    expectShape(HealthAnswer, answer)
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { database: { status: 'healthy' }, verifier: { mode: 'in_process' } } },
    })
    expect(JSON.stringify(answer.body)).not.toContain('127.0.0.1')
  })

  it('may be kept for a minute, apart for every key, and is asked for again by its ETag', async () => {
    const first = await call(`${base}/supported`)
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[\w-]+"$/)
    expect(first.headers.get('cache-control')).toBe('public, max-age=60')
    expect(first.headers.get('vary')?.toLowerCase()).toContain('authorization')
    expect(first.headers.get('vary')?.toLowerCase()).toContain('x-api-key')
    const again = await call(`${base}/supported`, { headers: { 'if-none-match': etag } })
    expect([again.status, again.body]).toEqual([304, ''])
    expect(again.headers.get('etag')).toBe(etag)
    const changed = await call(`${base}/supported`, { headers: { 'if-none-match': '"other"' } })
    expect([changed.status, changed.body]).toEqual([200, first.body])
  })

  it.each(['W/{etag}', '"other", {etag}', '{etag} , "other"', '*'])(
    'knows its ETag in every form that HTTP allows: %s',
    async (form) => {
      const { headers } = await call(`${base}/supported`)
      const match = form.replace('{etag}', headers.get('etag') ?? '')
      expect((await call(`${base}/supported`, { headers: { 'if-none-match': match } })).status).toBe(304)
    },
  )

  it('a 304 does not claim that the body has no length', async () => {
    const { headers } = await call(`${base}/supported`)
    const again = await call(`${base}/supported`, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
    expect([null, headers.get('content-length')]).toContain(again.headers.get('content-length'))
  })
})

describe('POST /settle', async () => {
  const { key } = await createTenantWithKey(databaseUrl)
  const settle = (options: CallOptions) =>
    call(`${base}/settle`, { headers: fromOwnAddress(), method: 'POST', ...options })
  const mainnet = magicBody('valid')
  mainnet.paymentRequirements.network = 'eip155:8453'

  it('answers in the shape of the protocol', async () => {
    const answer = await settle({ key, body: await buildPayment() })
    expect(answer.status).toBe(200)
    expect(SettleResponse.parse(answer.body)).toMatchObject({ success: true, network: 'eip155:84532' })
  })

  it('cannot settle without a worker: 503 in the full shape, with the time to come back', async () => {
    const lonely = inject('withoutWorker')
    const { key: lonelyKey } = await createTenantWithKey(lonely.databaseUrl)
    const answer = await call(`${lonely.base}/settle`, { key: lonelyKey, body: await buildPayment() })
    expect(answer.status).toBe(503)
    expect(SettleResponse.parse(answer.body)).toMatchObject({
      success: false,
      errorReason: 'settlement_unavailable',
      transaction: '',
      network: '',
      extra: { paymentState: 'unused' },
      error: { type: 'upstream_error', code: 'settlement_unavailable', retryable: true },
    })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.body.errorMessage).toContain('Nothing was sent')
  })

  it.each<[number, string, () => Promise<CallOptions>]>([
    [401, 'api_key_missing', async () => ({ body: mainnet })],
    [403, 'insufficient_scope', async () => ({ key: await keyWith(['verify']), body: mainnet })],
    [403, 'mode_mismatch', async () => ({ key, body: mainnet })],
    [403, 'mode_mismatch', async () => ({ key, body: onMainnetV1() })],
    [400, 'invalid_json', async () => ({ key, body: '{"x402Version":2' })],
    [400, 'invalid_json', async () => ({ key })],
    [400, 'parameter_missing', async () => ({ key, body: { paymentPayload: {} } })],
    [400, 'parameter_invalid', async () => ({ key, body: { ...mainnet, paymentPayload: 'x' } })],
  ])('%i %s comes before any look at the payment', async (status, code, options) => {
    const answer = await settle(await options())
    expect([answer.status, answer.body.errorReason]).toEqual([status, code])
    expect(answer.body).toMatchObject({ success: false, transaction: '', network: '' })
  })

  const keyWith = async (scopes: ('verify' | 'settle')[]) => (await createTenantWithKey(databaseUrl, { scopes })).key
  const onMainnetV1 = () => ({
    x402Version: 1,
    paymentPayload: { x402Version: 1, scheme: 'exact', network: 'base', payload: {} },
    paymentRequirements: { scheme: 'exact', network: 'base' },
  })
})

describe('what the protocol routes put up with', async () => {
  const { key } = await createTenantWithKey(databaseUrl)
  const paths = ['//verify', '/verify/', '///verify//', '/verify?x=1', '/verify/?x=1']

  it.each(paths)('the path %s, without a redirect', async (path) => {
    const answer = await call(`${base}${path}`, { key, body: await buildPayment() })
    expect(answer).toMatchObject({ status: 200, body: { isValid: true } })
  })

  it.each(['//usage', '/usage/', '//verifications/', '/supported/', '//health', '//settle'])(
    'and so on every other route: %s',
    async (path) => {
      const { status } = await call(`${base}${path}`, { key, ...(path === '//settle' && { body: magicBody('valid') }) })
      expect(status).toBe(200)
    },
  )

  it.each([1, 2] as const)('a v%i body without its own x402Version, which the payload has', async (x402Version) => {
    const { x402Version: _, ...body } = await buildPayment({ x402Version })
    expect((await call(`${base}/verify`, { key, body })).body).toMatchObject({ isValid: true })
  })

  it.each([1, 2] as const)('nulls in the place of what may be left out, in v%i', async (x402Version) => {
    const body = await buildPayment({
      x402Version,
      requirements: { description: null, mimeType: null, outputSchema: null },
    })
    const nulls = { resource: null, extensions: null, ...(x402Version === 1 && { accepted: null }) }
    const paymentPayload = { ...body.paymentPayload, ...nulls }
    const answer = await call(`${base}/verify`, { key, body: { ...body, x402Version: null, paymentPayload } })
    expect(answer.body).toMatchObject({ isValid: true })
  })

  it('fields that nobody knows, on every level', async () => {
    const body = await buildPayment()
    const { payload } = body.paymentPayload
    const paymentPayload = {
      ...body.paymentPayload,
      note: [1],
      payload: { ...payload, note: {}, authorization: { ...payload.authorization, note: 1 } },
    }
    const answer = await call(`${base}/verify`, { key, body: { ...body, paymentPayload, note: 'x' } })
    expect(answer.body).toMatchObject({ isValid: true })
  })

  it.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.x402+json'])(
    'a body as %s',
    async (type) => {
      const answer = await call(`${base}/verify`, {
        key,
        body: await buildPayment(),
        headers: { 'content-type': type },
      })
      expect(answer.body).toMatchObject({ isValid: true })
    },
  )
})

describe('methods', async () => {
  const { key } = await createTenantWithKey(databaseUrl)

  it.each(['verify', 'settle'])('GET /%s is 405 and names what is allowed', async (route) => {
    const answer = await call(`${base}/${route}`, { headers: fromOwnAddress() })
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')?.split(', ')).toContain('POST')
    expect(answer.body.error).toMatchObject({ code: 'method_not_allowed', message: expect.stringContaining('POST') })
  })

  it.each(['verify', 'settle', 'supported', 'usage', 'verifications'])(
    'a browser may ask /%s from anywhere',
    async (route) => {
      const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' }
      const answer = await call(`${base}/${route}`, { method: 'OPTIONS', headers })
      expect([answer.status, answer.body]).toEqual([204, ''])
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
      const allowed = answer.headers.get('access-control-allow-headers')?.toLowerCase()
      for (const name of ['authorization', 'content-type', 'x-api-key']) expect(allowed).toContain(name)
    },
  )

  it('an answer of 204 has no length, as HTTP wants it', async () => {
    const { status, headers } = await call(`${base}/verify`, { method: 'OPTIONS' })
    expect([status, headers.get('content-length')]).toEqual([204, null])
  })

  it('an answer shows a page every header that a client needs', async () => {
    const { headers } = await call(`${base}/verify`, { key, body: magicBody('valid') })
    expect(headers.get('access-control-allow-origin')).toBe('*')
    const exposed = headers.get('access-control-expose-headers')?.toLowerCase().split(', ')
    const limits = ['ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id']
    const legacy = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']
    expect(exposed).toEqual(expect.arrayContaining([...limits, ...legacy]))
  })

  it.each(['health', 'supported', 'usage', 'verifications'])('HEAD /%s is GET without the body', async (route) => {
    const [got, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => call(`${base}/${route}`, { method, key, headers: fromOwnAddress() })),
    )
    expect([head?.status, head?.body]).toEqual([200, ''])
    expect(head?.headers.get('content-type')).toBe(got?.headers.get('content-type'))
  })

  it.each(['usage', 'verify'])('nothing of /%s may be framed, sniffed or kept', async (route) => {
    const { headers } = await call(`${base}/${route}`, { key, ...(route === 'verify' && { body: magicBody('valid') }) })
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
    expect(headers.get('strict-transport-security')).toContain('max-age=')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-powered-by')).toBeNull()
  })
})
