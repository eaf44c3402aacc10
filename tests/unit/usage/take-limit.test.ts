import { describe, expect, it } from 'vitest'
import type { AppError } from '@/lib/core/errors'
import type { TenantId } from '@/lib/core/ids'
import { createLimiter } from '@/lib/usage/limiter'
import type { LimitOverride, LimitSubject } from '@/lib/usage/limits'
import { subjectOf, takeAddressLimit, takeCallerLimit } from '@/lib/usage/take-limit'

const NOON = Date.parse('2026-11-21T12:00:00Z')
const MONTH_END = Date.parse('2026-12-01T00:00:00Z')

function setUp(used = 0) {
  const clock = { ms: NOON }
  const now = () => clock.ms
  const usedInPeriod = async () => used
  const limiter = createLimiter({ now, shared: null, usedInPeriod })
  const publicLimiter = createLimiter({ now, shared: null, usedInPeriod })
  return { clock, deps: { now, limiter, publicLimiter } }
}

function caller(overrides: readonly Partial<LimitOverride>[] = [], changes: Partial<LimitSubject> = {}): LimitSubject {
  return {
    tenantId: 'ten_1' as TenantId,
    mode: 'test',
    plan: 'free',
    periodStart: null,
    periodEnd: null,
    overrides: overrides.map((override) => ({ name: 'minute', mode: null, value: null, endsAt: null, ...override })),
    ...changes,
  }
}

const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it was not refused')
    },
    (error: AppError) => error,
  )

async function times(count: number, take: () => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index++) await take()
}

describe('takeCallerLimit', () => {
  it('tells minute, hour and month, with what is left and when it is renewed', async () => {
    const { deps, clock } = setUp(10)
    clock.ms += 15_500
    const { reports } = await takeCallerLimit(deps, caller(), 'verification')
    expect(reports).toEqual([
      { name: 'minute', limit: 10, remaining: 9, windowSeconds: 60, resetSeconds: 45 },
      { name: 'hour', limit: 100, remaining: 99, windowSeconds: 3_600, resetSeconds: 3_585 },
      {
        name: 'month',
        limit: 1_000,
        remaining: 989,
        windowSeconds: null,
        resetSeconds: Math.ceil((MONTH_END - clock.ms) / 1_000),
      },
    ])
  })

  it('tells nothing of a limit that is lifted', async () => {
    const { deps } = setUp()
    const lifted = caller([{ name: 'minute' }, { name: 'month' }])
    expect((await takeCallerLimit(deps, lifted, 'verification')).reports.map(({ name }) => name)).toEqual(['hour'])
  })

  it('a plain request takes no unit of the month', async () => {
    const { deps } = setUp(10)
    const { reports, end } = await takeCallerLimit(deps, caller(), 'request')
    expect(reports.find(({ name }) => name === 'month')?.remaining).toBe(990)
    end(false)
    end(true)
    const after = await takeCallerLimit(deps, caller(), 'request')
    expect(after.reports.find(({ name }) => name === 'month')?.remaining).toBe(990)
  })

  it('a verdict keeps its unit, anything else gives it back', async () => {
    const { deps } = setUp()
    const left = async (isVerdict: boolean) => {
      const { end } = await takeCallerLimit(deps, caller(), 'verification')
      end(isVerdict)
      const { reports } = await takeCallerLimit(deps, caller(), 'request')
      return reports.find(({ name }) => name === 'month')?.remaining
    }
    expect([await left(false), await left(true), await left(false)]).toEqual([1_000, 999, 999])
  })

  it('a request too many says how long to wait, and that is long enough', async () => {
    const { deps, clock } = setUp()
    await times(10, () => takeCallerLimit(deps, caller(), 'request'))
    const error = await refusalOf(takeCallerLimit(deps, caller(), 'request'))
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', status: 429 })
    expect(error.message).toBe(`Too many requests: the limit is 10 a minute. Retry in ${error.retryAfterSeconds} s.`)
    const { retryAfterSeconds } = error
    expect(error.limits[0]).toMatchObject({ name: 'minute', remaining: 0, resetSeconds: retryAfterSeconds })
    clock.ms += (retryAfterSeconds as number) * 1_000
    await expect(takeCallerLimit(deps, caller(), 'request')).resolves.toBeDefined()
  })

  it('a quota used up is another code, and renews with the period', async () => {
    const { deps } = setUp(1_000)
    const error = await refusalOf(takeCallerLimit(deps, caller(), 'verification'))
    expect(error).toMatchObject({ code: 'quota_exceeded', retryAfterSeconds: (MONTH_END - NOON) / 1_000 })
    expect(error.limits.find(({ name }) => name === 'month')?.remaining).toBe(0)
  })

  it('a quota used up does not stop plain requests', async () => {
    const { deps } = setUp(1_000)
    await expect(takeCallerLimit(deps, caller(), 'request')).resolves.toBeDefined()
  })

  it('the grace is served, but not shown as left', async () => {
    const { deps } = setUp(50_000)
    const starter = caller([], { plan: 'starter' })
    const { reports } = await takeCallerLimit(deps, starter, 'verification')
    expect(reports.find(({ name }) => name === 'month')).toMatchObject({ limit: 50_000, remaining: 0 })
  })

  it('the period of a subscription counts in the place of the calendar month', async () => {
    const { deps } = setUp(1_000)
    const periodEnd = new Date(NOON + 5_000)
    const subscribed = caller([], { periodStart: new Date(NOON - 5_000), periodEnd })
    const error = await refusalOf(takeCallerLimit(deps, subscribed, 'verification'))
    expect(error.retryAfterSeconds).toBe(5)
  })

  it('test and live are counted apart', async () => {
    const { deps } = setUp()
    await times(10, () => takeCallerLimit(deps, caller(), 'request'))
    await expect(takeCallerLimit(deps, caller([], { mode: 'live' }), 'request')).resolves.toBeDefined()
    expect(subjectOf(caller())).not.toBe(subjectOf(caller([], { mode: 'live' })))
  })

  it('a limit of zero refuses and says so', async () => {
    const { deps } = setUp()
    const shut = caller([{ name: 'minute', value: 0 }])
    const error = await refusalOf(takeCallerLimit(deps, shut, 'request'))
    expect(error).toMatchObject({ code: 'rate_limit_exceeded', retryAfterSeconds: 60 })
  })
})

describe('takeAddressLimit', () => {
  it('without a key lets 5 a minute and 50 an hour through', async () => {
    const { deps, clock } = setUp()
    await times(5, () => takeAddressLimit(deps, '192.0.2.1', 'anonymous'))
    const error = await refusalOf(takeAddressLimit(deps, '192.0.2.1', 'anonymous'))
    expect(error).toMatchObject({ code: 'rate_limit_exceeded' })
    let admitted = 5
    for (let minute = 0; minute < 58; minute++) {
      clock.ms += 30_000
      const took = await takeAddressLimit(deps, '192.0.2.1', 'anonymous').catch(() => null)
      if (took) admitted++
    }
    expect(admitted).toBe(50)
  })

  it('has a limit of its own for the public routes: 600 a minute, and none an hour', async () => {
    const { deps } = setUp()
    await times(5, () => takeAddressLimit(deps, '192.0.2.1', 'anonymous'))
    const { reports } = await takeAddressLimit(deps, '192.0.2.1', 'public')
    expect(reports).toEqual([{ name: 'minute', limit: 600, remaining: 599, windowSeconds: 60, resetSeconds: 60 }])
    await times(599, () => takeAddressLimit(deps, '192.0.2.1', 'public'))
    expect(await refusalOf(takeAddressLimit(deps, '192.0.2.1', 'public'))).toMatchObject({
      code: 'rate_limit_exceeded',
    })
  })

  it('has another for keys that must be looked up, apart from the rest', async () => {
    const { deps } = setUp()
    await times(5, () => takeAddressLimit(deps, '192.0.2.1', 'anonymous'))
    await times(600, () => takeAddressLimit(deps, '192.0.2.1', 'keyLookUp'))
    expect(await refusalOf(takeAddressLimit(deps, '192.0.2.1', 'keyLookUp'))).toMatchObject({
      code: 'rate_limit_exceeded',
    })
    await expect(takeAddressLimit(deps, '192.0.2.1', 'public')).resolves.toBeDefined()
  })

  it('counts addresses apart', async () => {
    const { deps } = setUp()
    await times(5, () => takeAddressLimit(deps, '192.0.2.1', 'anonymous'))
    await expect(takeAddressLimit(deps, '192.0.2.2', 'anonymous')).resolves.toBeDefined()
  })
})
