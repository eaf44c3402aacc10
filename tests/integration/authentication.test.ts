import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { generateKey } from '@/lib/api-keys/key-format'
import { HOUR_MS } from '@/lib/core/clock'
import { fromOwnAddress } from '@/tests/support/addresses'
import { type Answer, call } from '@/tests/support/api'
import { queryDatabase } from '@/tests/support/database'
import { magicBody } from '@/tests/support/magic'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey, withAdmin } from '@/tests/support/tenants'

const service = inject('service')
const { databaseUrl } = service
const { key } = await createTenantWithKey(databaseUrl)

const whoAmI = (headers: Record<string, string>, base = service.base): Promise<Answer> =>
  call(`${base}/key`, { headers: { ...fromOwnAddress(), ...headers } })
const bearer = (token: string, base?: string) => whoAmI({ authorization: `Bearer ${token}` }, base)

/** Milliseconds until an answer is as awaited, asked for again and again. */
async function msUntil(ask: () => Promise<Answer>, isSo: (answer: Answer) => boolean): Promise<number> {
  const begunAt = performance.now()
  await vi.waitFor(async () => expect(await ask()).toSatisfy(isSo), { interval: 50, timeout: 15_000 })
  return performance.now() - begunAt
}

describe('a key is read from a header', () => {
  it.each([
    ['as a bearer token', { authorization: `Bearer ${key}` }],
    ['whatever the case of the scheme', { authorization: `bEARER ${key}` }],
    ['with more than one space', { authorization: `Bearer   ${key}  ` }],
    ['from X-API-Key', { 'x-api-key': key }],
    ['from X-API-Key with spaces around it', { 'x-api-key': `  ${key} ` }],
    ['from both, when they are the same', { authorization: `Bearer ${key}`, 'x-api-key': key }],
  ])('%s', async (_, headers) => {
    const answer = await whoAmI(headers as Record<string, string>)
    expect(answer).toMatchObject({ status: 200, body: { mode: 'test' } })
  })

  it('two headers with different keys are refused, for whose request it is must not be a guess', async () => {
    const other = await createTenantWithKey(databaseUrl)
    const answer = await whoAmI({ authorization: `Bearer ${key}`, 'x-api-key': other.key })
    expect(answer.status).toBe(400)
    expect(answer.body.error).toMatchObject({ code: 'parameter_invalid', param: 'X-API-Key' })
  })

  it('without one the answer is 401 and names the scheme to use', async () => {
    const answer = await whoAmI({})
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(answer.body.error).toMatchObject({
      type: 'authentication_error',
      code: 'api_key_missing',
      retryable: false,
      requestId: answer.headers.get('x-request-id'),
    })
  })

  it.each(['key', 'api_key', 'apiKey', 'access_token', 'authorization', 'x-api-key', 'token'])(
    'never from the query parameter "%s"',
    async (name) => {
      const answer = await call(`${service.base}/usage?${name}=${key}`, { headers: fromOwnAddress() })
      expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_missing' } } })
    },
  )
})

describe('a key that is not good is 401 with one text for all, so that nobody learns which keys exist', () => {
  const flipped = (char: string) => (char === 'a' ? 'b' : 'a')
  it.each([
    ['a malformed percent code', 'Bearer %E0%A4%A'],
    ['a scheme without a key', 'Bearer'],
    ['another scheme', `Basic ${Buffer.from(`${key}:`).toString('base64')}`],
    ['a key without a scheme', key],
    ['two keys in one header', `Bearer ${key} ${key}`],
    ['a key in quotes', `Bearer "${key}"`],
    ['a key in another case', `Bearer ${key.toUpperCase()}`],
    ['one character more', `Bearer ${key}a`],
    ['one character less', `Bearer ${key.slice(0, -1)}`],
    ['a wrong checksum', `Bearer ${key.slice(0, -1)}${flipped(key.slice(-1))}`],
    ['a wrong character before the checksum', `Bearer ${key.slice(0, 12)}${flipped(key.charAt(12))}${key.slice(13)}`],
    ['the other mode', `Bearer ${key.replace('_test_', '_live_')}`],
    ['a key of the right form that nobody was given', `Bearer ${generateKey('test')}`],
    ['bytes that are not ASCII', 'Bearer x402_test_\u00e9\u00ff'],
    ['8,000 characters', `Bearer ${'x'.repeat(8_000)}`],
  ])('%s', async (_, authorization) => {
    const answer = await whoAmI({ authorization })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
    expect(answer.body.error).toMatchObject({
      code: 'api_key_invalid',
      message: 'The API key is not valid. Check for a typing error, or create a new key.',
    })
  })

  it('the same holds for X-API-Key, in which a bearer scheme is not looked for', async () => {
    const answer = await whoAmI({ 'x-api-key': `Bearer ${key}` })
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_invalid' } } })
  })
})

describe('a key that lacks the scope', () => {
  it('is 403 and told which scope the route needs', async () => {
    const reader = await createTenantWithKey(databaseUrl, { scopes: ['logs:read'] })
    const answer = await call(`${service.base}/verify`, { key: reader.key, body: magicBody('valid') })
    expect(answer.status).toBe(403)
    expect(answer.body).toMatchObject({
      isValid: false,
      invalidReason: 'insufficient_scope',
      error: { type: 'permission_error', code: 'insufficient_scope' },
    })
    expect(answer.body.error.message).toContain('"verify"')
  })

  it('counts and is told its limits, for its caller is known', async () => {
    const limits = { minute: 5, hour: null, month: null }
    const reader = await createTenantWithKey(databaseUrl, { scopes: ['logs:read'], limits })
    const answer = await call(`${service.base}/verify`, { key: reader.key, body: magicBody('valid') })
    expect(answer.status).toBe(403)
    expect(answer.headers.get('x-ratelimit-limit')).toBe('5')
    expect(answer.headers.get('x-ratelimit-remaining')).toBe('4')
  })
})

// These wait for the clock, so they wait together.
describe.concurrent('the life of a key', () => {
  let second: RunningWeb
  beforeAll(async () => {
    second = await startWeb({ databaseUrl, redisUrl: service.redisUrl, rpcUrls: { 84532: service.rpcUrl } })
  })
  afterAll(() => second.stop())

  it('a revoked key is refused within five seconds by every process that knew it', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    const bases = [service.base, second.base]
    const before = await Promise.all(bases.map((base) => bearer(tenant.key, base)))
    expect(before.map((answer) => answer.status)).toEqual([200, 200])

    await withAdmin(databaseUrl, (admin) => admin.revokeApiKey(tenant.tenantId, tenant.keyId))
    const waits = await Promise.all(
      bases.map((base) =>
        msUntil(
          () => bearer(tenant.key, base),
          ({ status, body }) => status === 401 && body.error.code === 'api_key_invalid',
        ),
      ),
    )
    expect(Math.max(...waits)).toBeLessThan(5_000)
    const after = await Promise.all(bases.map((base) => bearer(tenant.key, base)))
    expect(after.map((answer) => answer.status)).toEqual([401, 401])
  })

  it('a key that was never good before its end is told that it has expired', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    const input = { tenantId: tenant.tenantId, mode: 'test', name: 'old', scopes: ['verify'] } as const
    const expiresAt = new Date(Date.now() - 1_000)
    const { key: expired } = await withAdmin(databaseUrl, (admin) => admin.createApiKey({ ...input, expiresAt }))
    const answer = await bearer(expired)
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_expired' } } })
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
  })

  it('a known key ends at its very moment, and not when somebody asks the database again', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    const input = { tenantId: tenant.tenantId, mode: 'test', name: 'short', scopes: ['verify'] } as const
    const expiresAt = new Date(Date.now() + 2_500)
    const { key: short } = await withAdmin(databaseUrl, (admin) => admin.createApiKey({ ...input, expiresAt }))
    const before = await bearer(short)
    expect(before).toMatchObject({ status: 200, body: { expiresAt: expiresAt.toISOString() } })
    await msUntil(
      () => bearer(short),
      ({ status, body }) => status === 401 && body.error.code === 'api_key_expired',
    )
    expect(Date.now() - expiresAt.getTime()).toBeGreaterThanOrEqual(0)
    expect(Date.now() - expiresAt.getTime()).toBeLessThan(1_000)
  })

  it('rotated without overlap: the successor works at once, the old key ends within five seconds', async () => {
    const tenant = await createTenantWithKey(databaseUrl, { scopes: ['verify', 'usage:read'] })
    expect((await bearer(tenant.key)).status).toBe(200)
    const rotated = await withAdmin(databaseUrl, (admin) =>
      admin.rotateApiKey({ tenantId: tenant.tenantId, id: tenant.keyId, overlap: 'now' }),
    )
    const successor = await bearer(rotated.key)
    expect(successor).toMatchObject({ status: 200, body: { mode: 'test', tenant: { id: tenant.tenantId } } })
    expect(new Set(successor.body.scopes)).toEqual(new Set(['verify', 'usage:read']))
    const waitMs = await msUntil(
      () => bearer(tenant.key),
      ({ status }) => status === 401,
    )
    expect(waitMs).toBeLessThan(5_000)
    expect((await bearer(rotated.key)).status).toBe(200)
  })

  it('rotated with an overlap of 1 h: both work until the hour is over, then only the successor', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    expect((await bearer(tenant.key)).status).toBe(200)
    const leftMs = 5_000
    const rotatedAt = Date.now() - HOUR_MS + leftMs
    const rotated = await withAdmin(
      databaseUrl,
      (admin) => admin.rotateApiKey({ tenantId: tenant.tenantId, id: tenant.keyId, overlap: '1h' }),
      () => rotatedAt,
    )
    const endsAt = rotatedAt + HOUR_MS
    const during = await Promise.all([bearer(tenant.key), bearer(rotated.key)])
    expect(during.map((answer) => answer.status)).toEqual([200, 200])
    await msUntil(
      () => bearer(tenant.key),
      ({ status, body }) => status === 401 && body.error.code === 'api_key_expired',
    )
    expect(Date.now()).toBeGreaterThanOrEqual(endsAt)
    expect(Date.now() - endsAt).toBeLessThan(1_000)
    expect((await bearer(rotated.key)).status).toBe(200)
  })

  it('a suspended tenant is 403 within five seconds, and back as soon when it is active again', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    const setStatus = (status: 'active' | 'suspended') =>
      withAdmin(databaseUrl, (admin) => admin.changeTenant(tenant.tenantId, { status }))
    expect((await bearer(tenant.key)).status).toBe(200)
    await setStatus('suspended')
    const outMs = await msUntil(
      () => bearer(tenant.key),
      ({ status }) => status === 403,
    )
    expect(outMs).toBeLessThan(5_000)
    expect((await bearer(tenant.key)).body.error).toMatchObject({ type: 'permission_error', code: 'tenant_suspended' })
    await setStatus('active')
    const backMs = await msUntil(
      () => bearer(tenant.key),
      ({ status }) => status === 200,
    )
    expect(backMs).toBeLessThan(5_000)
  })

  it('the last use is written in a batch, and is no change that makes processes forget the key', async () => {
    const tenant = await createTenantWithKey(databaseUrl)
    const read = async () => {
      const text = 'SELECT last_used_at, updated_at FROM api_keys WHERE id = $1'
      const [row] = await queryDatabase<{ last_used_at: Date | null; updated_at: Date }>(databaseUrl, text, [
        tenant.keyId,
      ])
      return row
    }
    const before = await read()
    expect(before?.last_used_at).toBeNull()
    const usedAt = Date.now()
    expect((await bearer(tenant.key)).status).toBe(200)
    await vi.waitFor(async () => expect((await read())?.last_used_at).toBeInstanceOf(Date), {
      interval: 250,
      timeout: 12_500,
    })
    const after = await read()
    expect(Math.abs((after?.last_used_at?.getTime() ?? 0) - usedAt)).toBeLessThan(1_000)
    expect(after?.updated_at).toEqual(before?.updated_at)
  })
})
