import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { calendarMonth } from '@/lib/core/clock'
import type { PlanId } from '@/lib/core/plans'
import { type Answer, call } from '@/tests/support/api'
import { queryDatabase } from '@/tests/support/database'
import { type MagicName, magicBody } from '@/tests/support/magic'
import { startRedis, type TestRedis } from '@/tests/support/redis'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey, type TestTenant, withAdmin } from '@/tests/support/tenants'

const { databaseUrl, rpcUrl } = inject('service')

// A Redis of its own, for it is emptied here.
let redis: TestRedis
let webs: [RunningWeb, RunningWeb]
beforeAll(async () => {
  redis = await startRedis()
  const start = () => startWeb({ databaseUrl, redisUrl: redis.url, rpcUrls: { 84532: rpcUrl } })
  webs = await Promise.all([start(), start()])
})
afterAll(async () => {
  await Promise.all(webs.map((web) => web.stop()))
  await redis.stop()
})

const base = (index: 0 | 1 = 0) => webs[index].base
const verify = (key: string, name: MagicName = 'valid', index: 0 | 1 = 0): Promise<Answer> =>
  call(`${base(index)}/verify`, { key, body: magicBody(name) })
const usage = async (key: string, index: 0 | 1 = 0) => (await call(`${base(index)}/usage`, { key })).body.verifications
const times = <T>(count: number, run: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => run(index)))
const verdicts = (answers: Answer[]) => answers.filter(({ status }) => status === 200).length
const overQuota = (answers: Answer[]) =>
  answers.filter(({ status, body }) => status === 429 && body.error.code === 'quota_exceeded').length

function tenantWith(month: number | null, plan: PlanId = 'free'): Promise<TestTenant> {
  return createTenantWithKey(databaseUrl, { plan, limits: { minute: null, hour: null, month } })
}

/** As if a tenant had used so many units of this month already. */
async function used({ tenantId }: TestTenant, units: number): Promise<void> {
  const text = `INSERT INTO usage_periods (tenant_id, mode, period_start, verifications) VALUES ($1, 'test', $2, $3)`
  await queryDatabase(databaseUrl, text, [tenantId, calendarMonth(Date.now()).start, units])
}

async function emptyRedis(): Promise<void> {
  const client = new Redis(redis.url)
  await client.flushall()
  client.disconnect()
}

describe('the unit is one verdict', () => {
  it.each(['valid', 'insufficient funds', 'expired', 'bad signature', 'nonce used'] as const)(
    'a verdict uses one, whichever it is: %s',
    async (name) => {
      const { key } = await tenantWith(100)
      const answer = await verify(key, name)
      expect(answer.status).toBe(200)
      expect(await usage(key)).toMatchObject({ used: 1, remaining: 99 })
      expect(answer.headers.get('x-ratelimit-remaining')).toBe('99')
    },
  )

  it('a caller’s mistake uses none', async () => {
    const { key } = await tenantWith(100)
    const mainnet = magicBody('valid')
    mainnet.paymentRequirements.network = 'eip155:8453'
    const mistakes = [
      await call(`${base()}/verify`, { key, body: '{' }),
      await call(`${base()}/verify`, { key, body: {} }),
      await call(`${base()}/verify`, { key, body: mainnet }),
      await call(`${base()}/verify`, { key, body: magicBody('valid', { resource: 'x'.repeat(70_000) }) }),
      await call(`${base()}/verify`, { key, body: '{}', headers: { 'content-type': 'text/plain' } }),
      await call(`${base()}/verify`, { key, method: 'GET' }),
      await call(`${base()}/settle`, { key, body: '{' }),
    ]
    expect(mistakes.map(({ status }) => status)).toEqual([400, 400, 403, 413, 415, 405, 400])
    expect(await usage(key)).toMatchObject({ used: 0, remaining: 100 })
    expect((await verify(key)).headers.get('x-ratelimit-remaining')).toBe('99')
  })

  it('a failure of ours uses none, however often it comes', async () => {
    const { key } = await tenantWith(3)
    const failures = await times(20, () => verify(key, 'RPC unavailable'))
    // Each holds a unit until it has failed, so with three of them some may find none left.
    expect(failures.every(({ status }) => status === 503 || status === 429)).toBe(true)
    expect(await usage(key)).toMatchObject({ used: 0, remaining: 3 })
    const after = [await verify(key), await verify(key), await verify(key), await verify(key)]
    expect(after.map(({ status }) => status)).toEqual([200, 200, 200, 429])
  })

  it('what is only read uses none, and neither does a settlement', async () => {
    const { key } = await tenantWith(1)
    for (const path of ['key', 'usage', 'networks', 'verifications', 'analytics', 'supported', 'pricing']) {
      expect((await call(`${base()}/${path}`, { key })).status).toBe(200)
    }
    expect((await call(`${base()}/settle`, { key, body: magicBody('valid') })).status).toBe(200)
    expect(await usage(key)).toMatchObject({ used: 0, remaining: 1 })
    expect((await verify(key)).status).toBe(200)
  })

  it('test and live have a quota each', async () => {
    const tenant = await tenantWith(2)
    const input = {
      tenantId: tenant.tenantId,
      mode: 'live',
      name: 'live',
      scopes: ['verify'],
      expiresAt: null,
    } as const
    const live = await withAdmin(databaseUrl, (admin) => admin.createApiKey(input))
    const mainnet = magicBody('valid')
    mainnet.paymentRequirements.network = 'eip155:8453'
    const liveCall = () => call(`${base()}/verify`, { key: live.key, body: mainnet })
    const inTest = [await verify(tenant.key), await verify(tenant.key), await verify(tenant.key)]
    const inLive = [await liveCall(), await liveCall(), await liveCall()]
    expect(inTest.map(({ status }) => status)).toEqual([200, 200, 429])
    expect(inLive.map(({ status }) => status)).toEqual([200, 200, 429])
  })
})

describe('the end of the quota', () => {
  it.each([
    ['free', 1_000, 1_000],
    ['starter', 50_000, 55_000],
    ['pro', 500_000, 550_000],
  ] as const)('the plan %s has %i and serves up to %i', async (plan, limit, hardLimit) => {
    const tenant = await createTenantWithKey(databaseUrl, { plan, limits: { minute: null, hour: null } })
    await used(tenant, hardLimit - 4)
    const answers = []
    for (let index = 0; index < 6; index++) answers.push(await verify(tenant.key))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429])
    expect(overQuota(answers)).toBe(2)
    expect(await usage(tenant.key)).toEqual({
      used: hardLimit,
      limit,
      remaining: 0,
      hardLimit,
      usedPercent: (100 * hardLimit) / limit,
    })
  })

  it('enterprise has none', async () => {
    const tenant = await createTenantWithKey(databaseUrl, { plan: 'enterprise', limits: { minute: null, hour: null } })
    await used(tenant, 5_000_000)
    expect((await verify(tenant.key)).status).toBe(200)
    expect(await usage(tenant.key)).toEqual({
      used: 5_000_001,
      limit: null,
      remaining: null,
      hardLimit: null,
      usedPercent: null,
    })
  })

  it.each([
    ['free', 20],
    ['starter', 22],
    ['pro', 22],
    ['enterprise', 20],
  ] as const)('an operator’s limit of 20 has the grace of the plan %s: %i', async (plan, hard) => {
    const { key } = await tenantWith(20, plan)
    const answers = []
    for (let index = 0; index < hard + 2; index++) answers.push(await verify(key))
    expect(verdicts(answers.slice(0, hard))).toBe(hard)
    expect(overQuota(answers.slice(hard))).toBe(2)
  })

  it('says that waiting means the next period, and by when', async () => {
    const { key } = await tenantWith(1)
    await verify(key)
    const over = await verify(key)
    expect(over.status).toBe(429)
    expect(over.body).toMatchObject({
      isValid: false,
      invalidReason: 'quota_exceeded',
      error: { type: 'rate_limit_error', code: 'quota_exceeded', retryable: false },
    })
    const secondsLeft = (calendarMonth(Date.now()).end.getTime() - Date.now()) / 1_000
    expect(Math.abs(Number(over.headers.get('retry-after')) - secondsLeft)).toBeLessThan(3)
    expect(over.headers.get('ratelimit')).toContain('"month";r=0;t=')
    expect(over.headers.get('x-ratelimit-limit')).toBe('1')
  })

  it('leaves everything open that uses no unit, and refuses /verify only', async () => {
    const { key } = await tenantWith(0)
    expect((await verify(key)).body.error.code).toBe('quota_exceeded')
    for (const path of ['key', 'usage', 'networks', 'verifications', 'analytics']) {
      expect((await call(`${base()}/${path}`, { key })).status).toBe(200)
    }
  })

  it('of 100 at once with 10 units left exactly 10 get a verdict', async () => {
    const tenant = await tenantWith(60)
    await used(tenant, 50)
    const answers = await times(100, () => verify(tenant.key))
    expect([verdicts(answers), overQuota(answers)]).toEqual([10, 90])
    expect(await usage(tenant.key)).toMatchObject({ used: 60, remaining: 0 })
  })

  it('the same over two processes', async () => {
    const tenant = await tenantWith(60)
    await used(tenant, 50)
    const answers = await times(100, (index) => verify(tenant.key, 'valid', index % 2 === 0 ? 0 : 1))
    expect([verdicts(answers), overQuota(answers)]).toEqual([10, 90])
  })

  it('failures of ours among them take nothing away from the others in the end', async () => {
    const { key } = await tenantWith(10)
    await times(60, (index) => verify(key, index % 2 === 0 ? 'valid' : 'RPC unavailable'))
    const rest = await times(20, () => verify(key))
    expect(await usage(key)).toMatchObject({ used: 10, remaining: 0 })
    expect((await verify(key)).body.error.code).toBe('quota_exceeded')
    expect(verdicts(rest)).toBeLessThanOrEqual(10)
  })
})

describe('the count stands in Postgres', () => {
  it('a second process sees what the first one used, at once in its limits and soon in /usage', async () => {
    const { key } = await tenantWith(10)
    await times(7, () => verify(key))
    const other = await verify(key, 'valid', 1)
    expect(other.headers.get('x-ratelimit-remaining')).toBe('2')
    await vi.waitFor(async () => expect(await usage(key, 1)).toMatchObject({ used: 8, remaining: 2 }), 20_000)
    await vi.waitFor(async () => expect(await usage(key, 0)).toMatchObject({ used: 8, remaining: 2 }), 20_000)
  })

  it('emptying Redis gives nobody a unit back', async () => {
    const { key } = await tenantWith(30)
    await times(25, () => verify(key))
    await emptyRedis()
    const next = await verify(key)
    expect(next.headers.get('x-ratelimit-remaining')).toBe('4')
    await times(4, () => verify(key))
    expect((await verify(key)).body.error.code).toBe('quota_exceeded')
    await emptyRedis()
    const refusedAgain = await times(10, () => verify(key))
    expect(overQuota(refusedAgain)).toBe(10)
    expect(await usage(key)).toMatchObject({ used: 30, remaining: 0 })
  })

  it('nor does emptying it again and again in the middle of the traffic', async () => {
    const { key } = await tenantWith(200)
    const answers: Answer[] = []
    for (let round = 0; round < 12; round++) {
      const wave = times(25, () => verify(key))
      await emptyRedis()
      answers.push(...(await wave))
    }
    await emptyRedis()
    answers.push(...(await times(10, () => verify(key))))
    expect([verdicts(answers), overQuota(answers)]).toEqual([200, 110])
    expect(await usage(key)).toMatchObject({ used: 200, remaining: 0 })
  })

  it('a unit waits for nobody: the database knows the same number as the answers', async () => {
    const tenant = await tenantWith(null)
    await times(40, (index) =>
      verify(tenant.key, index % 4 === 0 ? 'RPC unavailable' : 'valid', index % 2 === 0 ? 0 : 1),
    )
    const read = async () => {
      const text = 'SELECT verifications::integer AS units FROM usage_periods WHERE tenant_id = $1'
      const [row] = await queryDatabase<{ units: number }>(databaseUrl, text, [tenant.tenantId])
      return row?.units
    }
    await vi.waitFor(async () => expect(await read()).toBe(30), 20_000)
    expect(await usage(tenant.key)).toMatchObject({ used: 30, limit: null })
  })

  it('the period of a subscription stands in the place of the month', async () => {
    const tenant = await tenantWith(3)
    const [start, end] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 7_200_000)]
    const text = 'UPDATE tenants SET period_start = $2, period_end = $3 WHERE id = $1'
    await queryDatabase(databaseUrl, text, [tenant.tenantId, start, end])
    const answers = [await verify(tenant.key), await verify(tenant.key), await verify(tenant.key)]
    const over = await verify(tenant.key)
    expect(verdicts(answers)).toBe(3)
    expect(Math.abs(Number(over.headers.get('retry-after')) - 7_200)).toBeLessThan(5)
    const { body } = await call(`${base()}/usage`, { key: tenant.key })
    expect(body.period).toEqual({ start: start.toISOString(), end: end.toISOString() })
    expect(body.verifications).toMatchObject({ used: 3, remaining: 0 })
  })
})
