import { describe, expect, it } from 'vitest'
import type { TenantId } from '@/lib/core/ids'
import { PLAN_IDS, PLANS } from '@/lib/core/plans'
import { currentPeriod, effectiveLimits, type LimitOverride, type LimitSubject } from '@/lib/usage/limits'

const NOW = Date.parse('2026-11-21T10:00:00Z')

function subject(changes: Partial<LimitSubject> = {}): LimitSubject {
  const tenantId = 'ten_1' as TenantId
  return { tenantId, mode: 'test', plan: 'pro', periodStart: null, periodEnd: null, overrides: [], ...changes }
}

function override(changes: Partial<LimitOverride>): LimitOverride {
  return { name: 'minute', mode: null, value: 7, endsAt: null, ...changes }
}

const minuteOf = (...overrides: LimitOverride[]) => effectiveLimits(subject({ overrides }), NOW).minute

describe('effectiveLimits', () => {
  it.each(PLAN_IDS)('of %s are the plan’s', (plan) => {
    const { requestsPerMinute, requestsPerHour, verificationsPerMonth } = PLANS[plan]
    expect(effectiveLimits(subject({ plan }), NOW)).toMatchObject({
      minute: requestsPerMinute,
      hour: requestsPerHour,
      month: verificationsPerMonth,
    })
  })

  it.each([
    ['free', 1_000],
    ['starter', 55_000],
    ['pro', 550_000],
    ['enterprise', null],
  ] as const)('the month of %s ends with its grace at %s', (plan, monthHard) => {
    expect(effectiveLimits(subject({ plan }), NOW).monthHard).toBe(monthHard)
  })

  it('the grace is counted on an override too, rounded down', () => {
    const overrides = [override({ name: 'month', value: 15 })]
    expect(effectiveLimits(subject({ overrides }), NOW)).toMatchObject({ month: 15, monthHard: 16 })
    expect(effectiveLimits(subject({ plan: 'free', overrides }), NOW)).toMatchObject({ month: 15, monthHard: 15 })
  })

  it('an override stands in the place of the limit it names, and of no other', () => {
    const limits = effectiveLimits(subject({ overrides: [override({})] }), NOW)
    expect(limits).toMatchObject({ minute: 7, hour: PLANS.pro.requestsPerHour, month: PLANS.pro.verificationsPerMonth })
  })

  it('an override of null lifts the limit', () => {
    const overrides = (['minute', 'hour', 'month'] as const).map((name) => override({ name, value: null }))
    expect(effectiveLimits(subject({ overrides }), NOW)).toEqual({
      minute: null,
      hour: null,
      month: null,
      monthHard: null,
    })
  })

  it('an override of zero shuts the door', () => {
    const overrides = [override({ name: 'month', value: 0 })]
    expect(effectiveLimits(subject({ overrides }), NOW)).toMatchObject({ month: 0, monthHard: 0 })
  })

  it('an override of the other mode does not count', () => {
    expect(minuteOf(override({ mode: 'live' }))).toBe(PLANS.pro.requestsPerMinute)
    expect(minuteOf(override({ mode: 'test' }))).toBe(7)
  })

  it('an override of this very mode goes before one of both modes, whichever is newer', () => {
    const [both, mine] = [override({ value: 1 }), override({ mode: 'test', value: 2 })]
    expect([minuteOf(both, mine), minuteOf(mine, both)]).toEqual([2, 2])
  })

  it('of two of one kind the first, which is the newest, counts', () => {
    expect(minuteOf(override({ value: 1 }), override({ value: 2 }))).toBe(1)
  })

  it('an override ends to the millisecond', () => {
    expect(minuteOf(override({ endsAt: new Date(NOW + 1) }))).toBe(7)
    expect(minuteOf(override({ endsAt: new Date(NOW) }))).toBe(PLANS.pro.requestsPerMinute)
    expect(minuteOf(override({ endsAt: new Date(NOW - 1) }), override({ value: 9 }))).toBe(9)
  })
})

describe('currentPeriod', () => {
  const periodStart = new Date('2026-11-10T08:00:00Z')
  const periodEnd = new Date('2026-12-10T08:00:00Z')
  const calendar = { start: new Date('2026-11-01T00:00:00Z'), end: new Date('2026-12-01T00:00:00Z') }

  it('is the subscription’s, from its first millisecond to before its end', () => {
    const period = { start: periodStart, end: periodEnd }
    expect(currentPeriod({ periodStart, periodEnd }, periodStart.getTime())).toEqual(period)
    expect(currentPeriod({ periodStart, periodEnd }, periodEnd.getTime() - 1)).toEqual(period)
  })

  it('is the calendar month without a subscription, and when one was not renewed in time', () => {
    expect(currentPeriod({ periodStart: null, periodEnd: null }, NOW)).toEqual(calendar)
    expect(currentPeriod({ periodStart, periodEnd }, periodStart.getTime() - 1)).toEqual(calendar)
    expect(currentPeriod({ periodStart, periodEnd }, periodEnd.getTime()).start).toEqual(calendar.end)
  })
})
