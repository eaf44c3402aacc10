import { describe, expect, it } from 'vitest'
import type { TenantId } from '@/lib/core/ids'
import type { Mode, PlanId } from '@/lib/core/plans'
import { getUsage } from '@/lib/usage/get-usage'
import { listPlans } from '@/lib/usage/list-plans'

const now = () => Date.parse('2026-11-21T12:00:00Z')

function usage(plan: PlanId, used: number, { mode = 'test', settled = 0 }: { mode?: Mode; settled?: number } = {}) {
  const subject = { tenantId: 'ten_1' as TenantId, mode, plan, periodStart: null, periodEnd: null }
  return getUsage({ now, used: async () => used, settled: async () => settled }, { ...subject, overrides: [] })
}

describe('getUsage', () => {
  it('sets what was used against the plan', async () => {
    expect(await usage('starter', 12_345)).toEqual({
      mode: 'test',
      plan: 'starter',
      period: { start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' },
      verifications: { used: 12_345, limit: 50_000, remaining: 37_655, hardLimit: 55_000, usedPercent: 24.69 },
      settlements: null,
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

describe('live settlements', () => {
  const settlements = async (plan: PlanId, settled: number) =>
    (await usage(plan, 0, { mode: 'live', settled })).settlements

  it('of the month are set against the plan', async () => {
    expect(await settlements('starter', 1_234)).toEqual({
      used: 1_234,
      limit: 5_000,
      remaining: 3_766,
      usedPercent: 24.68,
    })
  })

  it('that are used up leave nothing, and never less', async () => {
    expect(await settlements('starter', 5_000)).toMatchObject({ remaining: 0, usedPercent: 100 })
    expect(await settlements('starter', 5_001)).toMatchObject({ remaining: 0 })
  })

  it('are none on a plan of test mode only, and no percentage of nothing', async () => {
    expect(await settlements('free', 0)).toEqual({ used: 0, limit: 0, remaining: 0, usedPercent: null })
  })

  it('are not counted for a test key', async () => {
    expect((await usage('pro', 5, { mode: 'test', settled: 9 })).settlements).toBeNull()
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
