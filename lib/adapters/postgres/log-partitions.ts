import type { Pool } from 'pg'
import { DAY_MS } from '@/lib/core/clock'
import { PLANS } from '@/lib/core/plans'

const RETENTION_CLASSES: readonly number[] = [...new Set(Object.values(PLANS).map((plan) => plan.logRetentionDays))]
const DAYS_AHEAD = 3
const ROLL_UP_MONTHS = 25
const ROLL_UPS = {
  verification_hours: 'hour',
  verification_reason_days: 'day',
  verification_key_days: 'day',
  verification_payer_days: 'day',
  verification_resource_days: 'day',
}

/** Makes the partition of one day and class, where it is not there. */
export async function ensurePartition(pool: Pool, retentionDays: number, dayMs: number): Promise<void> {
  const [from, to] = [isoDay(dayMs), isoDay(dayMs + DAY_MS)]
  await pool.query(
    `CREATE TABLE IF NOT EXISTS log."${partitionName(retentionDays, dayMs)}"
     PARTITION OF log.verifications_${retentionDays} FOR VALUES FROM ('${from}') TO ('${to}')`,
  )
}

/** Makes the partitions of today and the next days, so that midnight finds them there. */
export async function ensureComingPartitions(pool: Pool, nowMs: number): Promise<void> {
  for (const retentionDays of RETENTION_CLASSES) {
    for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
      await ensurePartition(pool, retentionDays, startOfDay(nowMs) + ahead * DAY_MS)
    }
  }
}

/**
 * Drops the days that are past their class's retention, and the roll-ups past 25 months. Gives the names of the
 * partitions dropped. A reader that holds one makes us wait at most two seconds, and try again the next time.
 */
export async function dropExpired(pool: Pool, nowMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE n.nspname = 'log' AND relname ~ '^verifications_[0-9]+_[0-9]{8}$' ORDER BY relname`,
  )
  const expired = rows.map((row) => row.name).filter((name) => isExpired(name, nowMs))
  for (const name of expired) {
    await pool.query(`SET lock_timeout = '2s'; DROP TABLE IF EXISTS log."${name}"; RESET lock_timeout`)
  }
  for (const [table, column] of Object.entries(ROLL_UPS)) {
    await pool.query(`DELETE FROM "${table}" WHERE "${column}" < now() - interval '${ROLL_UP_MONTHS} months'`)
  }
  return expired
}

export function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS
}

function isExpired(name: string, nowMs: number): boolean {
  const [, retentionDays, day = ''] = name.split('_')
  const endMs = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8)) + 1)
  return endMs < nowMs - Number(retentionDays) * DAY_MS
}

function partitionName(retentionDays: number, dayMs: number): string {
  return `verifications_${retentionDays}_${isoDay(dayMs).replaceAll('-', '')}`
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
