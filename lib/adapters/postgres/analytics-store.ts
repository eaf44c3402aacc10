import type { Pool, QueryResultRow } from 'pg'
import { LATENCY_BUCKETS } from '@/lib/core/latency-buckets'
import type { AnalyticsStore, OutcomeCount, Volume } from '@/lib/verifications/analytics-store'
import type { LogOwner } from '@/lib/verifications/verification-store'
import { orUnavailable } from './pool'

const OWNED = 'tenant_id = $1 AND mode = $2'
const DAY_TEXT = `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD')`
const HOUR_TEXT = `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')`
const SUMS = 'sum(count)::float8 AS count, sum(volume)::text AS volume'
const LATENCY = Array.from({ length: LATENCY_BUCKETS }, (_, bucket) => `sum(latency_counts[${bucket + 1}])::float8`)

type Run = <Row extends QueryResultRow>(owner: LogOwner, text: string, ...values: unknown[]) => Promise<Row[]>

/** Reads the roll-ups only: their size does not grow with the traffic of an hour. */
export function createAnalyticsStore(pool: Pool): AnalyticsStore {
  async function run<Row extends QueryResultRow>({ tenantId, mode }: LogOwner, text: string, ...values: unknown[]) {
    const { rows } = await orUnavailable(pool.query<Row>(text, [tenantId, mode, ...values]))
    return rows
  }
  return { ...overHours(run), ...overDays(run) }
}

function overHours(run: Run) {
  const hours = `FROM verification_hours WHERE ${OWNED} AND hour >= $3`
  const latency = async (owner: LogOwner, from: Date, group: string) => {
    const text = `SELECT ${group} AS at, ARRAY[${LATENCY.join(', ')}] AS counts ${hours} GROUP BY 1 ORDER BY 1`
    const rows = await run<{ at: string; counts: (number | null)[] }>(owner, text, from)
    return rows.map(({ at, counts }) => ({ at, counts: counts.map((count) => count ?? 0) }))
  }
  const outcomes = `outcome, sum(count)::float8 AS count ${hours} GROUP BY 1, 2`
  return {
    outcomesByDay: (owner: LogOwner, from: Date) =>
      run<OutcomeCount & { day: string }>(owner, `SELECT ${DAY_TEXT} AS day, ${outcomes} ORDER BY 1`, from),
    outcomesByNetwork: (owner: LogOwner, from: Date) =>
      run<OutcomeCount & { network: string }>(owner, `SELECT network, ${outcomes}`, from),
    volumes: (owner: LogOwner, from: Date) =>
      run<Volume>(
        owner,
        `SELECT network, asset, ${SUMS} ${hours} AND outcome = 'valid' GROUP BY 1, 2 ORDER BY 3 DESC`,
        from,
      ),
    latencyByDay: (owner: LogOwner, from: Date) => latency(owner, from, DAY_TEXT),
    latencyByHour: (owner: LogOwner, from: Date) => latency(owner, from, HOUR_TEXT),
  }
}

function overDays(run: Run) {
  const days = `WHERE ${OWNED} AND day >= $3::timestamptz AT TIME ZONE 'UTC'`
  const top = `GROUP BY 1, 2, 3 ORDER BY sum(volume) DESC, 1 LIMIT $4`
  return {
    reasons: (owner: LogOwner, from: Date, limit: number) =>
      run<{ reason: string; count: number }>(
        owner,
        `SELECT reason, sum(count)::float8 AS count FROM verification_reason_days ${days}
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $4`,
        from,
        limit,
      ),
    keys: (owner: LogOwner, from: Date) =>
      run<OutcomeCount & { keyId: string }>(
        owner,
        `SELECT key_id AS "keyId", outcome, sum(count)::float8 AS count FROM verification_key_days ${days} GROUP BY 1, 2`,
        from,
      ),
    async payers(owner: LogOwner, from: Date, limit: number) {
      // Payers are the one roll-up that can be as long as the log itself: it is read once for both answers.
      const text = `WITH sums AS MATERIALIZED (
          SELECT payer, network, asset, sum(count)::float8 AS count, sum(volume) AS volume
          FROM verification_payer_days ${days} GROUP BY 1, 2, 3)
        SELECT payer, network, asset, count, volume::text AS volume,
          (SELECT count(*)::float8 FROM (SELECT FROM sums GROUP BY payer) AS payers) AS "unique"
        FROM sums ORDER BY sums.volume DESC, payer LIMIT $4`
      const rows = await run<Volume & { payer: string; unique: number }>(owner, text, from, limit)
      return { unique: rows[0]?.unique ?? 0, top: rows.map(({ unique: _, ...row }) => row) }
    },
    resources: (owner: LogOwner, from: Date, limit: number) =>
      run<Volume & { resource: string }>(
        owner,
        `SELECT resource, network, asset, ${SUMS} FROM verification_resource_days ${days} ${top}`,
        from,
        limit,
      ),
  }
}
