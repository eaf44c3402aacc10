import { describe, expect, it } from 'vitest'
import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import { getUsage } from '@/lib/usage/get-usage'
import { listPlans } from '@/lib/usage/list-plans'

const now = () => Date.parse('2026-11-21T12:00:00Z')

function usage(plan: PlanId, used: number) {
  const subject = { tenantId: 'ten_1' as TenantId, mode: 'test' as const, plan, periodStart: null, periodEnd: null }
  return getUsage({ now, used: async () => used }, { ...subject, overrides: [] })
}

describe('getUsage', () => {
  it('sets what was used against the plan', async () => {
    expect(await usage('starter', 12_345)).toEqual({
      mode: 'test',
      plan: 'starter',
      period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
      verifications: { used: 12_345, limit: 50_000, remaining: 37_655, hardLimit: 55_000, usedPercent: 24.69 },
      requests: { perMinute: 100, perHour: 5_000 },
    })
  })

  it('beyond the quota nothing remains, and the percentage says how far beyond', async () => {
    expect((await usage('starter', 55_000)).verifications).toMatchObject({ remaining: 0, usedPercent: 110 })
  })

  it('a plan without a limit has none to set it against', async () => {
    expect((await usage('enterprise', 5)).verifications).toEqual({
      used: 5,
      limit: null,
      remaining: null,
      hardLimit: null,
      usedPercent: null,
    })
  })
})

describe('listPlans', () => {
  it('is the table of plans', () => {
    expect(
      listPlans().data.map(({ id, pricePerMonth, verificationsPerMonth }) => [
        id,
        pricePerMonth,
        verificationsPerMonth,
      ]),
    ).toEqual([
      ['free', 0, 1_000],
      ['starter', 99, 50_000],
      ['pro', 299, 500_000],
      ['enterprise', 999, null],
    ])
  })
})
