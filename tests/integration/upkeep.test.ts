import { Pool } from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { dropOldIdempotencyKeys } from '@/lib/adapters/postgres/idempotency-keys'
import { dropExpired, ensureComingPartitions, ensurePartition } from '@/lib/adapters/postgres/log-partitions'
import { DAY_MS } from '@/lib/core/clock'
import { PLANS } from '@/lib/core/plans'
import { createDatabase } from '@/tests/support/stack'

let pool: Pool

beforeAll(async () => {
  pool = new Pool({ connectionString: await createDatabase(inject('service').postgresUrl), max: 1 })
})
afterAll(() => pool?.end())

it('days past their retention are dropped, and no other', async () => {
  const retentionDays = PLANS.free.logRetentionDays
  const now = Date.now()
  await ensureComingPartitions(pool, now)
  await ensurePartition(pool, retentionDays, now - (retentionDays + 2) * DAY_MS)
  const day = new Date(now - (retentionDays + 2) * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')
  expect(await dropExpired(pool, now)).toEqual([`verifications_${retentionDays}_${day}`])
  expect(await dropExpired(pool, now)).toEqual([])
})

it('an Idempotency-Key is forgotten when it binds nobody any more, and not before', async () => {
  const text = `INSERT INTO idempotency_keys (tenant_id, mode, key_hash, fingerprint, created_at)
    VALUES ('ten_1', 'test', $1, 'terms', now() - $2::interval)`
  for (const [hash, age] of [
    ['old', '49 hours'],
    ['bound', '23 hours'],
  ])
    await pool.query(text, [hash, age])
  await dropOldIdempotencyKeys(pool)
  expect((await pool.query('SELECT key_hash FROM idempotency_keys')).rows).toEqual([{ key_hash: 'bound' }])
})
