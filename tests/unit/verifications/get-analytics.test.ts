import { describe, expect, it } from 'vitest'
import { newId } from '@/lib/core/ids'
import { LATENCY_BUCKETS } from '@/lib/core/latency-buckets'
import type { AnalyticsStore } from '@/lib/verifications/analytics-store'
import { getAnalytics } from '@/lib/verifications/get-analytics'
import type { LogOwner } from '@/lib/verifications/verification-store'

const NOW = Date.parse('2026-11-21T12:34:56Z')
const owner: LogOwner = { tenantId: newId('tenant', NOW), mode: 'live' }
const counts = (bucket: number, count: number) =>
  Array.from({ length: LATENCY_BUCKETS }, (_, at) => (at === bucket ? count : 0))

function analyse(days: number, changes: Partial<AnalyticsStore> = {}) {
  const none = async () => []
  const analytics: AnalyticsStore = {
    outcomesByDay: none,
    outcomesByNetwork: none,
    volumes: none,
    latencyByDay: none,
    latencyByHour: none,
    reasons: none,
    keys: none,
    payers: async () => ({ unique: 0, top: [] }),
    resources: none,
    ...changes,
  }
  return getAnalytics({ now: () => NOW, analytics }, owner, days)
}

describe('getAnalytics', () => {
  it('begins at the start of a UTC day, today counted', async () => {
    const froms: string[] = []
    const { period, byDay } = await analyse(7, {
      outcomesByDay: async (_, from) => {
        froms.push(from.toISOString())
        return []
      },
    })
    expect(froms).toEqual(['2026-11-15T00:00:00.000Z'])
    expect(period).toEqual({ from: froms[0], to: '2026-11-21T12:34:56.000Z', days: 7 })
    expect(byDay.map(({ day }) => day)).toEqual([15, 16, 17, 18, 19, 20, 21].map((day) => `2026-11-${day}`))
  })

  it('a day without a payment is there with zeros, and a share of nothing is null', async () => {
    const { byDay, totals, latencyMs } = await analyse(1)
    expect(byDay).toEqual([
      { day: '2026-11-21', total: 0, valid: 0, invalid: 0, error: 0, latencyMs: { p50: null, p95: null, p99: null } },
    ])
    expect(totals).toEqual({ total: 0, valid: 0, invalid: 0, error: 0, successRate: null, uniquePayers: 0 })
    expect(latencyMs).toEqual({ p50: null, p95: null, p99: null })
  })

  it('adds up, and leaves our failures out of the share of valid payments', async () => {
    const { totals, byDay } = await analyse(2, {
      outcomesByDay: async () => [
        { day: '2026-11-20', outcome: 'valid', count: 3 },
        { day: '2026-11-21', outcome: 'invalid', count: 1 },
        { day: '2026-11-21', outcome: 'error', count: 6 },
      ],
      payers: async () => ({ unique: 2, top: [] }),
    })
    expect(totals).toEqual({ total: 10, valid: 3, invalid: 1, error: 6, successRate: 0.75, uniquePayers: 2 })
    expect(byDay.map(({ total }) => total)).toEqual([3, 7])
  })

  it('groups networks and keys, the busiest first, and names an unknown network by null', async () => {
    const { byNetwork, byKey } = await analyse(1, {
      outcomesByNetwork: async () => [
        { network: '', outcome: 'invalid', count: 2 },
        { network: 'eip155:8453', outcome: 'valid', count: 5 },
        { network: 'eip155:8453', outcome: 'error', count: 1 },
      ],
      keys: async () => [{ keyId: 'key_1', outcome: 'valid', count: 4 }],
    })
    expect(byNetwork).toEqual([
      { network: 'eip155:8453', total: 6, valid: 5, invalid: 0, error: 1 },
      { network: null, total: 2, valid: 0, invalid: 2, error: 0 },
    ])
    expect(byKey).toEqual([{ keyId: 'key_1', total: 4, valid: 4, invalid: 0, error: 0 }])
  })

  it('the percentiles of the whole are those of all days together', async () => {
    const { latencyMs, byDay } = await analyse(2, {
      latencyByDay: async () => [
        { at: '2026-11-20', counts: counts(0, 99) },
        { at: '2026-11-21', counts: counts(10, 1) },
      ],
    })
    expect(latencyMs.p50).toBeLessThanOrEqual(1)
    expect(latencyMs.p99).toBeLessThanOrEqual(1)
    expect(byDay[1]?.latencyMs.p50).toBeGreaterThan(80)
  })

  it('the last 24 hours are there, each once', async () => {
    const at = '2026-11-21T12:00:00Z'
    const { latencyByHour } = await analyse(1, { latencyByHour: async () => [{ at, counts: counts(3, 1) }] })
    expect(latencyByHour).toHaveLength(24)
    expect(latencyByHour[0]?.hour).toBe('2026-11-20T13:00:00Z')
    expect(latencyByHour.at(-1)).toMatchObject({ hour: at, latencyMs: { p50: expect.any(Number) } })
  })

  it('volumes keep their figures as text, beyond every number', async () => {
    const volume = '123456789012345678901234567890'
    const { volumes, topPayers } = await analyse(1, {
      volumes: async () => [{ network: '', asset: '', count: 1, volume }],
      payers: async () => ({
        unique: 1,
        top: [{ payer: '0xaa', network: 'eip155:1', asset: '0xbb', count: 1, volume }],
      }),
    })
    expect(volumes).toEqual([{ network: null, asset: null, count: 1, volume }])
    expect(topPayers).toEqual([{ payer: '0xaa', network: 'eip155:1', asset: '0xbb', count: 1, volume }])
  })
})
