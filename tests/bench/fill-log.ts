import type { Pool } from 'pg'
import { ensurePartition, startOfDay } from '@/lib/adapters/postgres/log-partitions'
import { DAY_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import { LATENCY_BUCKETS } from '@/lib/core/latency-buckets'

export const BIG_TENANT = 'ten_00000000000000000000000000' as TenantId
export const SMALL_TENANT = 'ten_00000000000000000000000007' as TenantId

const CHUNK = 250_000
const SMALL_TENANTS = 999

/** Half of the rows are one tenant's, over 90 days; the rest belong to 999 others, over 30. */
export async function fillLog(pool: Pool, rows: number, say: (text: string) => void): Promise<void> {
  await preparePartitions(pool)
  for (let done = 0; done < rows; done += CHUNK) {
    await pool.query(INSERT, [Math.min(CHUNK, rows - done), done, SMALL_TENANTS, rows])
    if ((done / CHUNK) % 4 === 3) say(`${done + CHUNK} rows`)
  }
  say('roll-ups and statistics')
  await pool.query(ROLL_UP_HOURS)
  await pool.query(ROLL_UP_REASONS)
  await pool.query(ROLL_UP_PAYERS)
  await pool.query('VACUUM ANALYZE')
}

async function preparePartitions(pool: Pool): Promise<void> {
  const today = startOfDay(Date.now())
  for (const retentionDays of [30, 90]) {
    for (let ago = 0; ago <= retentionDays; ago++) await ensurePartition(pool, retentionDays, today - ago * DAY_MS)
  }
}

/**
 * Row n, in the order of time as a log is written: even ones are the big tenant's. 1 in 12 is refused, 1 in 500 an
 * error; five networks, one of them rare; of 20,000 payers a few pay most, as agents do.
 */
const INSERT = `
INSERT INTO verifications (tenant_id, mode, at, id, retention_days, key_id, request_id, outcome, reason, x402_version,
  network, asset, payer, pay_to, amount, nonce, resource, block, duration_us, request)
SELECT
  CASE WHEN n % 2 = 0 THEN '${BIG_TENANT}' ELSE 'ten_' || lpad((1 + n / 2 % $3)::text, 26, '0') END,
  'live',
  date_trunc('milliseconds', now() - (1 - n::float8 / $4) * (CASE WHEN n % 2 = 0 THEN interval '89 days' ELSE interval '29 days' END)),
  'ver_' || lpad(to_hex(n), 26, '0'),
  CASE WHEN n % 2 = 0 THEN 90 ELSE 30 END,
  'key_' || lpad((n % 60)::text, 26, '0'),
  'req_' || lpad(to_hex(n), 26, '0'),
  CASE WHEN n % 500 = 0 THEN 'error' WHEN n % 12 = 0 THEN 'invalid' ELSE 'valid' END,
  CASE WHEN n % 500 = 0 THEN 'rpc_unavailable' WHEN n % 12 = 0 THEN 'invalid_exact_evm_insufficient_balance' END,
  2,
  (ARRAY['eip155:8453', 'eip155:8453', 'eip155:8453', 'eip155:137', 'eip155:42161', CASE WHEN n % 1000 < 4 THEN 'eip155:43114' ELSE 'eip155:10' END])[1 + n / 4 % 6],
  '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
  '0x' || lpad(to_hex((20000 * power(random(), 4))::integer), 40, '0'),
  '0x' || repeat('ab', 20),
  1000 + n % 5000,
  '0x' || lpad(to_hex(n), 64, '0'),
  'https://seller.example/' || n % 40,
  30000000 + n,
  (500 + random() * 20000)::integer,
  '{}'
FROM generate_series($2::bigint, $2::bigint + $1::bigint - 1) AS n`

const histogram = Array.from(
  { length: LATENCY_BUCKETS },
  (_, bucket) => `count(*) FILTER (WHERE duration_us / 1200 = ${bucket})`,
).join(', ')

const ROLL_UP_HOURS = `
INSERT INTO verification_hours
SELECT tenant_id, mode, date_trunc('hour', at, 'UTC'), network, asset, outcome, count(*),
  coalesce(sum(amount) FILTER (WHERE outcome = 'valid'), 0), ARRAY[${histogram}]
FROM verifications GROUP BY 1, 2, 3, 4, 5, 6`

const ROLL_UP_REASONS = `
INSERT INTO verification_reason_days
SELECT tenant_id, mode, (at AT TIME ZONE 'UTC')::date, reason, count(*)
FROM verifications WHERE reason IS NOT NULL GROUP BY 1, 2, 3, 4`

const ROLL_UP_PAYERS = `
INSERT INTO verification_payer_days
SELECT tenant_id, mode, (at AT TIME ZONE 'UTC')::date, payer, network, asset, count(*), sum(amount)
FROM verifications WHERE outcome = 'valid' GROUP BY 1, 2, 3, 4, 5, 6`
