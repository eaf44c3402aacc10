import { LATENCY_BUCKETS, latencyBucket } from '@/lib/core/latency-buckets'
import type { LogEntry } from '@/lib/verifications/log-entry'

type Column = { name: string; type: string; of: (entry: LogEntry) => unknown }

/** The columns of the log, with how each is read from an entry. */
const COLUMNS: readonly Column[] = [
  { name: 'tenant_id', type: 'text', of: (entry) => entry.tenantId },
  { name: 'mode', type: 'text', of: (entry) => entry.mode },
  { name: 'at', type: 'timestamptz', of: (entry) => new Date(entry.atMs).toISOString() },
  { name: 'id', type: 'text', of: (entry) => entry.id },
  { name: 'retention_days', type: 'smallint', of: (entry) => entry.retentionDays },
  { name: 'key_id', type: 'text', of: (entry) => entry.keyId },
  { name: 'request_id', type: 'text', of: (entry) => entry.requestId },
  { name: 'outcome', type: 'text', of: (entry) => entry.outcome },
  { name: 'reason', type: 'text', of: (entry) => entry.reason },
  { name: 'x402_version', type: 'smallint', of: (entry) => entry.x402Version },
  { name: 'network', type: 'text', of: (entry) => entry.network },
  { name: 'asset', type: 'text', of: (entry) => entry.asset },
  { name: 'payer', type: 'text', of: (entry) => entry.payer },
  { name: 'pay_to', type: 'text', of: (entry) => entry.payTo },
  { name: 'amount', type: 'numeric', of: (entry) => entry.amount?.toString() ?? null },
  { name: 'nonce', type: 'text', of: (entry) => entry.nonce },
  { name: 'resource', type: 'text', of: (entry) => entry.resource },
  { name: 'block', type: 'bigint', of: (entry) => entry.block?.toString() ?? null },
  { name: 'duration_us', type: 'integer', of: (entry) => entry.durationUs },
  { name: 'request', type: 'json', of: (entry) => entry.request },
]

/** Columns that only the roll-ups need. */
const EXTRA: readonly Column[] = [
  { name: 'latency_bucket', type: 'smallint', of: (entry) => latencyBucket(entry.durationUs) },
  { name: 'period_start', type: 'timestamptz', of: (entry) => new Date(entry.periodStartMs).toISOString() },
]

const ALL = [...COLUMNS, ...EXTRA]
const names = COLUMNS.map((column) => column.name).join(', ')
const allNames = ALL.map((column) => column.name).join(', ')
const arrays = ALL.map((column, index) => `$${index + 1}::${column.type}[]`).join(', ')
const histogram = Array.from(
  { length: LATENCY_BUCKETS },
  (_, bucket) => `count(*) FILTER (WHERE latency_bucket = ${bucket})`,
).join(', ')
const VOLUME = `coalesce(sum(amount) FILTER (WHERE outcome = 'valid'), 0)`

/** Upserts one roll-up from the rows that were really new. Sorted, so that two writers meet rows in one order. */
function rollUp(table: string, keys: string, select: string, sums: Record<string, string>, where = 'true'): string {
  const keyCount = keys.split(',').length
  const groups = Array.from({ length: keyCount }, (_, index) => index + 1).join(', ')
  const updates = Object.keys(sums).map((sum) =>
    sum === 'latency_counts'
      ? `${sum} = log.add_counts(t.${sum}, excluded.${sum})`
      : `${sum} = t.${sum} + excluded.${sum}`,
  )
  return `INSERT INTO ${table} AS t (${keys}, ${Object.keys(sums).join(', ')})
    SELECT ${select}, ${Object.values(sums).join(', ')} FROM fresh WHERE ${where} GROUP BY ${groups} ORDER BY ${groups}
    ON CONFLICT (${keys}) DO UPDATE SET ${updates.join(', ')}`
}

const DAY = `(at AT TIME ZONE 'UTC')::date`
const KNOWN = `coalesce(network, ''), coalesce(asset, '')`

/**
 * Writes a batch into the log and all its roll-ups in one statement, so in one transaction. A row that is there
 * already, from a batch whose commit was not heard of, changes nothing, in the log and in every sum.
 */
export const INSERT_LOG = `
WITH input AS (SELECT * FROM unnest(${arrays}) AS t(${allNames})),
inserted AS (
  INSERT INTO verifications (${names}) SELECT ${names} FROM input ON CONFLICT DO NOTHING RETURNING tenant_id, mode, at, id
),
fresh AS (SELECT input.* FROM input JOIN inserted USING (tenant_id, mode, at, id)),
hours AS (${rollUp(
  'verification_hours',
  'tenant_id, mode, hour, network, asset, outcome',
  `tenant_id, mode, date_trunc('hour', at, 'UTC'), ${KNOWN}, outcome`,
  { count: 'count(*)', volume: VOLUME, latency_counts: `ARRAY[${histogram}]` },
)}),
reasons AS (${rollUp(
  'verification_reason_days',
  'tenant_id, mode, day, reason',
  `tenant_id, mode, ${DAY}, reason`,
  { count: 'count(*)' },
  'reason IS NOT NULL',
)}),
keys AS (${rollUp(
  'verification_key_days',
  'tenant_id, mode, day, key_id, outcome',
  `tenant_id, mode, ${DAY}, key_id, outcome`,
  { count: 'count(*)' },
)}),
payers AS (${rollUp(
  'verification_payer_days',
  'tenant_id, mode, day, payer, network, asset',
  `tenant_id, mode, ${DAY}, payer, ${KNOWN}`,
  { count: 'count(*)', volume: VOLUME },
  `outcome = 'valid' AND payer IS NOT NULL`,
)}),
resources AS (${rollUp(
  'verification_resource_days',
  'tenant_id, mode, day, resource, network, asset',
  `tenant_id, mode, ${DAY}, resource, ${KNOWN}`,
  { count: 'count(*)', volume: VOLUME },
  `outcome = 'valid' AND resource IS NOT NULL`,
)}),
usage AS (${rollUp(
  'usage_periods',
  'tenant_id, mode, period_start',
  'tenant_id, mode, period_start',
  { verifications: 'count(*)' },
  `outcome <> 'error'`,
)})
SELECT count(*)::integer AS written FROM fresh`

/** The parameters of `INSERT_LOG`: one array a column. */
export function logParameters(entries: readonly LogEntry[]): unknown[][] {
  return ALL.map((column) => entries.map(column.of))
}

/** Adds units to a period whose rows had to be dropped: the quota outlives the log. */
export const ADD_USAGE = `
INSERT INTO usage_periods AS t (tenant_id, mode, period_start, verifications)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[]) ORDER BY 1, 2, 3
ON CONFLICT (tenant_id, mode, period_start) DO UPDATE SET verifications = t.verifications + excluded.verifications`
