import { checksummed } from '@/lib/core/checksummed'
import { type Clock, DAY_MS, HOUR_MS } from '@/lib/core/clock'
import { LATENCY_BUCKETS, percentile } from '@/lib/core/latency-buckets'
import type { AnalyticsStore, OutcomeCount } from './analytics-store'
import { OUTCOMES, type Outcome } from './log-entry'
import type { LogOwner } from './verification-store'

export type GetAnalyticsDeps = { now: Clock; analytics: AnalyticsStore }

const TOP = 10
const HOURS_SHOWN = 24

type Outcomes = Record<Outcome, number> & { total: number }

/**
 * What a tenant's payments did over the last days, from the roll-ups: today and the `days - 1` UTC days before it.
 * Days and hours without a payment are there with zeros. Latencies are milliseconds.
 */
export async function getAnalytics({ now, analytics }: GetAnalyticsDeps, owner: LogOwner, days: number) {
  const nowMs = now()
  const from = new Date(Math.floor(nowMs / DAY_MS) * DAY_MS - (days - 1) * DAY_MS)
  const hoursFrom = new Date((Math.floor(nowMs / HOUR_MS) - HOURS_SHOWN + 1) * HOUR_MS)
  // Three at a time: the charts of one tenant must not take every connection from the requests of all others.
  const [byDay, byNetwork, volumes] = await Promise.all([
    analytics.outcomesByDay(owner, from),
    analytics.outcomesByNetwork(owner, from),
    analytics.volumes(owner, from),
  ])
  const [dayLatency, hourLatency, reasons] = await Promise.all([
    analytics.latencyByDay(owner, from),
    analytics.latencyByHour(owner, hoursFrom),
    analytics.reasons(owner, from, TOP),
  ])
  const [keys, payers, resources] = await Promise.all([
    analytics.keys(owner, from),
    analytics.payers(owner, from, TOP),
    analytics.resources(owner, from, TOP),
  ])
  const totals = sumOutcomes(byDay)
  const judged = totals.valid + totals.invalid
  return {
    period: { from: from.toISOString(), to: new Date(nowMs).toISOString(), days },
    totals: { ...totals, successRate: judged === 0 ? null : totals.valid / judged, uniquePayers: payers.unique },
    volumes: volumes.map(named),
    byDay: dayRange(from, days).map((day) => ({
      day,
      ...sumOutcomes(byDay.filter((row) => row.day === day)),
      latencyMs: percentiles(dayLatency.find((row) => row.at === day)?.counts),
    })),
    byNetwork: groupOutcomes(byNetwork, (row) => row.network || null).map(([network, sums]) => ({ network, ...sums })),
    byReason: reasons,
    byKey: groupOutcomes(keys, (row) => row.keyId).map(([keyId, sums]) => ({ keyId, ...sums })),
    topPayers: payers.top.map((row) => ({ ...named(row), payer: checksummed(row.payer) })),
    topResources: resources.map(named),
    latencyMs: percentiles(addCounts(dayLatency.map((row) => row.counts))),
    latencyByHour: hourRange(hoursFrom).map((hour) => ({
      hour,
      latencyMs: percentiles(hourLatency.find((row) => row.at === hour)?.counts),
    })),
  }
}

/** Empty in a roll-up means "not one that we know". */
function named<Row extends { network: string; asset: string }>(row: Row) {
  return { ...row, network: row.network || null, asset: checksummed(row.asset || null) }
}

function sumOutcomes(rows: readonly OutcomeCount[]): Outcomes {
  const sums: Outcomes = { total: 0, valid: 0, invalid: 0, error: 0 }
  for (const { outcome, count } of rows) {
    if (!OUTCOMES.includes(outcome)) continue
    sums[outcome] += count
    sums.total += count
  }
  return sums
}

function groupOutcomes<Row extends OutcomeCount, Key>(
  rows: readonly Row[],
  keyOf: (row: Row) => Key,
): [Key, Outcomes][] {
  const groups = new Map<Key, Row[]>()
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row])
  return [...groups]
    .map(([key, group]): [Key, Outcomes] => [key, sumOutcomes(group)])
    .sort((a, b) => b[1].total - a[1].total)
}

function percentiles(counts: readonly number[] = []) {
  return { p50: percentile(counts, 0.5), p95: percentile(counts, 0.95), p99: percentile(counts, 0.99) }
}

function addCounts(histograms: readonly (readonly number[])[]): number[] {
  return Array.from({ length: LATENCY_BUCKETS }, (_, bucket) =>
    histograms.reduce((sum, counts) => sum + (counts[bucket] ?? 0), 0),
  )
}

function dayRange(from: Date, days: number): string[] {
  return Array.from({ length: days }, (_, index) =>
    new Date(from.getTime() + index * DAY_MS).toISOString().slice(0, 10),
  )
}

function hourRange(from: Date): string[] {
  return Array.from(
    { length: HOURS_SHOWN },
    (_, index) => `${new Date(from.getTime() + index * HOUR_MS).toISOString().slice(0, 13)}:00:00Z`,
  )
}
