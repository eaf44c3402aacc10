import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { MINUTE_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import { ANONYMOUS_LIMITS, PLANS, type PlanId, PUBLIC_ROUTE_LIMIT_PER_MINUTE } from '@/lib/core/plans'
import { fromOwnAddress } from '@/tests/support/addresses'
import { type Answer, type CallOptions, call } from '@/tests/support/api'
import { magicBody } from '@/tests/support/magic'
import { withinOneMinute } from '@/tests/support/minute-edge'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey, withAdmin } from '@/tests/support/tenants'

const service = inject('service')
const { databaseUrl } = service

let second: RunningWeb
let alone: RunningWeb
beforeAll(async () => {
  const shared = { databaseUrl, rpcUrls: { 84532: service.rpcUrl } }
  ;[second, alone] = await Promise.all([startWeb({ ...shared, redisUrl: service.redisUrl }), startWeb(shared)])
})
afterAll(async () => {
  await Promise.all([second.stop(), alone.stop()])
})

/** Limits of which a test sets one; the plan's own do not stand in its way. */
const only = (limits: { minute?: number; hour?: number }) => ({ minute: null, hour: null, month: null, ...limits })

function burst(count: number, url: (index: number) => string, options: CallOptions): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(url(index), options)))
}
const ownKey = () => `${service.base}/key`
const passed = (answers: Answer[]) => answers.filter(({ status }) => status === 200).length
const refused = (answers: Answer[]) =>
  answers.filter(({ status, body }) => status === 429 && body.error.code === 'rate_limit_exceeded')

function addKey(tenantId: TenantId, mode: 'live' | 'test'): Promise<string> {
  const input = { tenantId, mode, name: 'another', scopes: ['verify'], expiresAt: null } as const
  return withAdmin(databaseUrl, async (admin) => (await admin.createApiKey(input)).key)
}

/** The members of a list header: `"minute";q=5;w=60` gives `{ name: 'minute', q: 5, w: 60 }`. */
function listOf(header: string | null): Record<string, string | number>[] {
  return (header ?? '').split(', ').map((member) => {
    const [name = '', ...parameters] = member.split(';')
    const numbers = parameters.map((parameter) => parameter.split('=')).map(([key, value]) => [key, Number(value)])
    return { name: name.replaceAll('"', ''), ...Object.fromEntries(numbers) }
  })
}

/** As if a tenant had sent so many requests in the minute before this one. */
async function countedLastMinute(tenantId: TenantId, count: number): Promise<void> {
  const redis = new Redis(service.redisUrl)
  const lastMinute = Math.floor(Date.now() / MINUTE_MS) - 1
  await redis.hset(`x402:{${tenantId}:test}:windows`, { mi: lastMinute, mc: count, mp: 0, hi: 0, hc: 0, hp: 0 })
  redis.disconnect()
}

/** The share of the last minute that still counts in `ms` from now. */
function shareIn(ms: number): number {
  return (MINUTE_MS - ((Date.now() + ms) % MINUTE_MS)) / MINUTE_MS
}

describe('the limit of a plan refuses at exactly its number', () => {
  it.each(['free', 'starter', 'pro'] as const)('a minute of the plan %s', async (plan: PlanId) => {
    const { requestsPerMinute } = PLANS[plan]
    const { key } = await createTenantWithKey(databaseUrl, { plan, limits: { hour: null, month: null } })
    await withinOneMinute(10_000)
    const answers = await burst(requestsPerMinute + 15, ownKey, { key })
    expect(passed(answers)).toBe(requestsPerMinute)
    expect(refused(answers)).toHaveLength(15)
    expect((await call(ownKey(), { key })).status).toBe(429)
  })

  it('an hour of the plan free, when nobody counts the minute', async () => {
    const { requestsPerHour } = PLANS.free
    const { key } = await createTenantWithKey(databaseUrl, { plan: 'free', limits: { minute: null, month: null } })
    await withinOneMinute()
    const answers = await burst(requestsPerHour + 7, ownKey, { key })
    expect(passed(answers)).toBe(requestsPerHour)
    expect(refused(answers)).toHaveLength(7)
    expect(refused(answers)[0]?.body.error.message).toContain('100 a hour')
  })
})

describe('what is counted', () => {
  it('a caller’s mistake counts like an answer, on every route alike', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 4 }) })
    await withinOneMinute()
    const calls = [
      await call(`${service.base}/verifications/ver_nothing`, { key }),
      await call(`${service.base}/verify`, { key, body: '{' }),
      await call(`${service.base}/analytics?days=0`, { key }),
      await call(`${service.base}/verify`, { key, body: magicBody('RPC unavailable') }),
      await call(ownKey(), { key }),
    ]
    expect(calls.map(({ status }) => status)).toEqual([404, 400, 400, 503, 429])
    expect(calls.map(({ headers }) => headers.get('x-ratelimit-remaining'))).toEqual(['3', '2', '1', '0', '0'])
  })

  it('the unit is the tenant: twenty keys share one limit', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 50 }) })
    const others = await Promise.all(Array.from({ length: 19 }, () => addKey(tenantId, 'test')))
    await withinOneMinute()
    const answers = await Promise.all([key, ...others].flatMap((each) => burst(4, ownKey, { key: each })).flat())
    expect(passed(answers.flat())).toBe(50)
  })

  it('a new key of a rotation brings no new limit', async () => {
    const { tenantId, keyId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 3 }) })
    const rotated = await withAdmin(databaseUrl, (admin) => admin.rotateApiKey({ tenantId, id: keyId, overlap: '1h' }))
    await withinOneMinute()
    expect(passed(await burst(5, ownKey, { key }))).toBe(3)
    expect((await call(ownKey(), { key: rotated.key })).status).toBe(429)
  })

  it('test and live are counted apart', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 6 }) })
    const live = await addKey(tenantId, 'live')
    await withinOneMinute()
    expect(passed(await burst(9, ownKey, { key }))).toBe(6)
    expect(passed(await burst(9, ownKey, { key: live }))).toBe(6)
  })

  it('the last minute still counts in its share: no burst of twice the limit fits around the edge', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 40 }) })
    await withinOneMinute(10_000)
    await countedLastMinute(tenantId, 40)
    const shareAtStart = shareIn(0)
    const answers = await burst(60, ownKey, { key })
    const shareAtEnd = shareIn(0)
    expect(passed(answers)).toBeGreaterThanOrEqual(40 - Math.floor(40 * shareAtStart))
    expect(passed(answers)).toBeLessThanOrEqual(40 - Math.floor(40 * shareAtEnd))
  })
})

describe('the headers tell every limit', () => {
  it('on an answer, on a mistake and on a refusal, the limit closest to its end first', async () => {
    const limits = { minute: 3, hour: 20, month: 1_000 }
    const { key } = await createTenantWithKey(databaseUrl, { plan: 'free', limits })
    await withinOneMinute()
    const good = await call(ownKey(), { key })
    const wrong = await call(`${service.base}/verifications/ver_nothing`, { key })
    await call(ownKey(), { key })
    const over = await call(ownKey(), { key })
    expect([good, wrong, over].map(({ status }) => status)).toEqual([200, 404, 429])
    for (const { headers } of [good, wrong, over]) {
      expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/)
      expect(listOf(headers.get('ratelimit-policy'))).toEqual([
        { name: 'minute', q: 3, w: 60 },
        { name: 'hour', q: 20, w: 3_600 },
        { name: 'month', q: 1_000 },
      ])
      expect(headers.get('x-ratelimit-limit')).toBe('3')
    }
    const left = [good, wrong, over].map(({ headers }) => listOf(headers.get('ratelimit')).map(({ r }) => r))
    expect(left).toEqual([
      [2, 19, 1_000],
      [1, 18, 1_000],
      [0, 17, 1_000],
    ])
  })

  it('resets are seconds from now, save the old X-RateLimit-Reset, which is a unix time', async () => {
    const limits = { minute: 3, hour: 20, month: 1_000 }
    const { key } = await createTenantWithKey(databaseUrl, { plan: 'free', limits })
    const nowSeconds = Date.now() / 1_000
    const { headers } = await call(ownKey(), { key })
    const now = new Date()
    const monthEnd = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1_000
    const [minute, hour, month] = listOf(headers.get('ratelimit')).map(({ t }) => Number(t))
    expect(Math.abs((minute ?? 0) - (60 - (nowSeconds % 60)))).toBeLessThan(3)
    expect(Math.abs((hour ?? 0) - (3_600 - (nowSeconds % 3_600)))).toBeLessThan(3)
    expect(Math.abs((month ?? 0) - (monthEnd - nowSeconds))).toBeLessThan(3)
    expect(Math.abs(Number(headers.get('x-ratelimit-reset')) - nowSeconds - (minute ?? 0))).toBeLessThan(3)
  })

  it('a refusal says when to come back, and never earlier than its own limit is free', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 1 }) })
    await withinOneMinute()
    await call(ownKey(), { key })
    const over = await call(`${service.base}/verify`, { key, body: magicBody('valid') })
    expect(over.status).toBe(429)
    const retryAfter = Number(over.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThanOrEqual(60 - (Math.floor(Date.now() / 1_000) % 60))
    expect(retryAfter).toBeGreaterThanOrEqual(Number(listOf(over.headers.get('ratelimit'))[0]?.['t']))
    expect(over.body).toMatchObject({
      isValid: false,
      invalidReason: 'rate_limit_exceeded',
      error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', retryable: true },
    })
  })

  it('whoever waits as long as Retry-After says is let in', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 60 }) })
    await withinOneMinute(10_000)
    await countedLastMinute(tenantId, Math.ceil(60 / shareIn(1_500)))
    const over = await call(ownKey(), { key })
    expect(over.status).toBe(429)
    const backAt = Date.now() + Number(over.headers.get('retry-after')) * 1_000
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThanOrEqual(backAt), { timeout: 30_000, interval: 20 })
    expect((await call(ownKey(), { key })).status).toBe(200)
  })

  it('a limit of 0 lets nobody through and is the one told first', async () => {
    const limits = { minute: 100, hour: null, month: 0 }
    const { key } = await createTenantWithKey(databaseUrl, { plan: 'free', limits })
    const answer = await call(`${service.base}/verify`, { key, body: magicBody('valid') })
    expect(answer.body.error.code).toBe('quota_exceeded')
    expect(answer.headers.get('x-ratelimit-limit')).toBe('0')
    expect(listOf(answer.headers.get('ratelimit'))[0]).toMatchObject({ name: 'month', r: 0 })
  })

  it('a tenant without any limit is told of none', async () => {
    const { key } = await createTenantWithKey(databaseUrl)
    const { status, headers } = await call(ownKey(), { key })
    expect(status).toBe(200)
    expect(headers.get('ratelimit')).toBeNull()
  })
})

describe('several processes', () => {
  it('of 200 requests at once a limit of 50 lets exactly 50 through', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 50 }) })
    await withinOneMinute()
    expect(passed(await burst(200, ownKey, { key }))).toBe(50)
  })

  it('over two processes with one Redis it is still exactly 50', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 50 }) })
    const bases = [service.base, second.base]
    await withinOneMinute()
    const answers = await burst(200, (index) => `${bases[index % 2]}/key`, { key })
    expect(passed(answers)).toBe(50)
    expect(refused(answers)).toHaveLength(150)
  })

  it('a process that was held up for a moment does not take that for a dead Redis', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 30 }) })
    await withinOneMinute(10_000)
    expect(passed(await burst(40, ownKey, { key }))).toBe(30)
    const asked: Answer[] = []
    let isOver = false
    const askOn = async () => {
      while (!isOver) asked.push(await call(`${second.base}/key`, { key }))
    }
    const askers = Array.from({ length: 40 }, askOn)
    for (let time = 0; time < 8; time++) {
      const before = asked.length
      await vi.waitFor(() => expect(asked.length).toBeGreaterThan(before + 40), { timeout: 5_000, interval: 5 })
      process.kill(second.pid, 'SIGSTOP')
      await sleep(300)
      process.kill(second.pid, 'SIGCONT')
    }
    isOver = true
    await Promise.all(askers)
    expect([passed(asked), refused(asked).length]).toEqual([0, asked.length])
  })

  it('an operator’s exception is in force everywhere within five seconds, and ends by itself', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 100_000 }) })
    const bases = [service.base, second.base]
    const limits = () => Promise.all(bases.map(async (base) => (await call(`${base}/key`, { key })).body.limits))
    const perMinute = async () => (await limits()).map(({ requestsPerMinute }) => requestsPerMinute)
    expect(await perMinute()).toEqual([100_000, 100_000])

    const endsAt = new Date(Date.now() + 6_500)
    const exception = { name: 'minute', mode: 'test', value: 200_000, endsAt, reason: 'a busy day' } as const
    await withAdmin(databaseUrl, (admin) => admin.overrideLimit(tenantId, exception))
    const begunAt = performance.now()
    await vi.waitFor(async () => expect(await perMinute()).toEqual([200_000, 200_000]), { timeout: 10_000 })
    expect(performance.now() - begunAt).toBeLessThan(5_000)
    const { headers } = await call(ownKey(), { key })
    expect(headers.get('x-ratelimit-limit')).toBe('200000')

    await vi.waitFor(async () => expect(await perMinute()).toEqual([100_000, 100_000]), { timeout: 10_000 })
    expect(Math.abs(Date.now() - endsAt.getTime())).toBeLessThan(1_000)
  })

  it('an exception of one mode leaves the other mode as it is, and goes before one of both', async () => {
    const { tenantId, key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 70 }) })
    const exception = { name: 'minute', mode: 'live', value: 7, endsAt: null, reason: 'a trial' } as const
    await withAdmin(databaseUrl, (admin) => admin.overrideLimit(tenantId, exception))
    const live = await addKey(tenantId, 'live')
    const perMinute = async (each: string) => (await call(ownKey(), { key: each })).body.limits.requestsPerMinute
    expect(await perMinute(live)).toBe(7)
    expect(await perMinute(key)).toBe(70)
  })
})

describe('without a key the address is the limit', () => {
  const pricing = `${service.base}/pricing`
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })

  it('five a minute, then 429 with the same headers as everybody', async () => {
    const own = { headers: fromOwnAddress() }
    await withinOneMinute()
    const answers = await burst(9, () => pricing, own)
    expect(passed(answers)).toBe(ANONYMOUS_LIMITS.minute)
    const [over] = refused(answers)
    expect(listOf(over?.headers.get('ratelimit-policy') ?? null)).toEqual([
      { name: 'minute', q: 5, w: 60 },
      { name: 'hour', q: 50, w: 3_600 },
    ])
    expect(Number(over?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(passed(await burst(1, () => pricing, { headers: fromOwnAddress() }))).toBe(1)
  })

  it('whoever tries keys is stopped after five, and a good key from there still works', async () => {
    const headers = fromOwnAddress()
    const { key } = await createTenantWithKey(databaseUrl)
    await withinOneMinute()
    const answers = await burst(12, (index) => `${service.base}/key?${index}`, { key: 'x402_test_wrong', headers })
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(refused(answers)).toHaveLength(7)
    expect((await call(ownKey(), { key, headers })).status).toBe(200)
  })

  it('with one trusted proxy only the entry counts that it wrote, the last', async () => {
    const { 'x-forwarded-for': mine } = fromOwnAddress()
    await withinOneMinute()
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, index) => call(pricing, from(`192.0.2.${index}, 198.51.100.${index},  ${mine}`))),
    )
    expect(passed(answers)).toBe(5)
    expect((await call(pricing, from(`${mine}, ${fromOwnAddress()['x-forwarded-for']}`))).status).toBe(200)
  })

  it('one customer has one IPv6 network of 64 bits, and an IPv4 address one spelling', async () => {
    const part = () => Math.floor(Math.random() * 0xffff).toString(16)
    const [a, b, { 'x-forwarded-for': four }] = [part(), part(), fromOwnAddress()]
    await withinOneMinute()
    const six = ['::1', ':1:2:3:4', ':0:0:ffff:1', '::abcd', ':ffff:ffff:ffff:ffff', '::2']
    const inOne = await Promise.all(six.map((host) => call(pricing, from(`2001:db8:${a}:${b}${host}`))))
    expect(passed(inOne)).toBe(5)
    expect((await call(pricing, from(`2001:DB8:${a}:${b}::9`))).status).toBe(429)
    const spelled = await Promise.all(
      [four, `::ffff:${four}`, four, `::FFFF:${four}`, four, four].map((address) => call(pricing, from(address))),
    )
    expect(passed(spelled)).toBe(5)
  })

  it('the public routes are exempt up to 600 a minute, counted for themselves', async () => {
    const headers = fromOwnAddress()
    await withinOneMinute(8_000)
    const supported = `${service.base}/supported`
    const answers = await burst(PUBLIC_ROUTE_LIMIT_PER_MINUTE + 20, () => supported, { headers })
    expect(passed(answers)).toBe(PUBLIC_ROUTE_LIMIT_PER_MINUTE)
    expect(refused(answers)).toHaveLength(20)
    expect(Number(refused(answers)[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(passed(await burst(7, () => pricing, { headers }))).toBe(5)
    expect((await call(`${service.base}/health`, { headers: fromOwnAddress() })).status).toBe(200)
  })
})

describe('a process without a trusted proxy', () => {
  it('does not believe X-Forwarded-For, and without Redis counts in memory', async () => {
    await withinOneMinute()
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => call(`${alone.base}/pricing`, { headers: fromOwnAddress() })),
    )
    expect(passed(answers)).toBe(5)
    expect(refused(answers)).toHaveLength(7)
    const { key } = await createTenantWithKey(databaseUrl, { limits: only({ minute: 50 }) })
    expect(passed(await burst(200, () => `${alone.base}/key`, { key }))).toBe(50)
  })
})
