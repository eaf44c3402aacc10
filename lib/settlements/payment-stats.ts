import { type Clock, DAY_MS, HOUR_MS } from '@/lib/core/clock'
import type { PaymentSums, SettlementOwner, SettlementReader } from './settlement-reader'
import { statesOf, tokenAmount } from './to-settlement'

export type PaymentStatsDeps = { now: Clock; settlements: Pick<SettlementReader, 'sums'> }

/** What is summed up, and by what. The last bucket is the one we are in, UTC. */
const PERIODS = {
  day: { step: 'hour', stepMs: HOUR_MS, buckets: 24 },
  week: { step: 'day', stepMs: DAY_MS, buckets: 7 },
  month: { step: 'day', stepMs: DAY_MS, buckets: 30 },
} as const

const COUNTED = { pending: statesOf('pending'), settled: statesOf('settled'), failed: statesOf('failed') }

export type StatsPeriod = keyof typeof PERIODS

/** The token's row over its whole period, or in one bucket. */
type TokenSums = PaymentSums & { network: string; asset: string }

/**
 * What a tenant received over the last 24 hours by the hour, or the last 7 or 30 days by the day, by when the payment
 * came in. Volumes and unique payers are those of settled payments; a bucket without a payment is there with zeros.
 */
export async function paymentStats(
  { now, settlements }: PaymentStatsDeps,
  owner: SettlementOwner,
  period: StatsPeriod,
) {
  const { step, stepMs, buckets } = PERIODS[period]
  const endMs = (Math.floor(now() / stepMs) + 1) * stepMs
  const starts = Array.from({ length: buckets }, (_, index) => endMs - (buckets - index) * stepMs)
  const span = { from: new Date(endMs - buckets * stepMs), to: new Date(endMs), step } as const
  const sums = await settlements.sums(owner, span, COUNTED)
  const all = sums.find(({ network }) => network === null)
  const tokens = sums.filter(isOfToken)
  return {
    period: { name: period, from: span.from.toISOString(), to: span.to.toISOString(), step },
    totals: { ...counts(all ? [all] : []), uniquePayers: all?.unique_payers ?? 0 },
    tokens: tokens
      .filter(({ bucket }) => bucket === null)
      .map((row) => ({ ...volume(row), ...counts([row]), uniquePayers: row.unique_payers })),
    series: starts.map((atMs) => {
      const rows = tokens.filter(({ bucket }) => bucket?.getTime() === atMs)
      return { at: new Date(atMs).toISOString(), ...counts(rows), volumes: rows.map(volume) }
    }),
  }
}

function isOfToken(row: PaymentSums): row is TokenSums {
  return row.network !== null && row.asset !== null
}

function counts(rows: readonly PaymentSums[]) {
  const sum = (name: 'count' | 'pending' | 'settled' | 'failed') => rows.reduce((total, row) => total + row[name], 0)
  return { count: sum('count'), pending: sum('pending'), settled: sum('settled'), failed: sum('failed') }
}

function volume({ network, asset, volume: amount }: TokenSums) {
  const token = tokenAmount({ network, asset, amount })
  return {
    network,
    asset: token.asset,
    symbol: token.symbol,
    volume: token.amount,
    volumeTokens: token.amountTokens,
  }
}
