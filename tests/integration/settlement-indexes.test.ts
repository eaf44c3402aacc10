import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createSettlementReader } from '@/lib/adapters/postgres/settlement-reader'
import { DAY_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import type { SettlementFilters, SettlementReader } from '@/lib/settlements/settlement-reader'
import { statesOf } from '@/lib/settlements/to-settlement'
import { createDatabase } from '@/tests/support/stack'

const { postgresUrl } = inject('service')

const TENANTS = 20
const ROWS = 20_000
const owner = { tenantId: 'ten_7' as TenantId, mode: 'test' } as const
const hash = (index: number) => `0x${index.toString(16).padStart(64, '0')}`
const address = (index: number) => `0x${index.toString(16).padStart(40, '0')}`

let pool: Pool

beforeAll(async () => {
  pool = new Pool({ connectionString: await createDatabase(postgresUrl), max: 1 })
  await pool.query(
    `INSERT INTO tenants (id, name, plan) SELECT 'ten_' || n, 'x', 'pro' FROM generate_series(0, $1) AS n`,
    [TENANTS - 1],
  )
  await pool.query(FILL, [ROWS, TENANTS])
  await pool.query(FILL_ATTEMPTS, [ROWS])
  await pool.query('ANALYZE')
})
afterAll(() => pool?.end())

const HASH = `'0x' || lpad(to_hex(n), 64, '0')`
const FILL = `INSERT INTO settlements (id, tenant_id, mode, key_id, request_id, x402_version, network, asset, payer, pay_to,
    amount, nonce, valid_after, valid_before, call_data, payment_key, requirements_hash, resource, payment_identifier, state,
    seen_unused_block, is_ready, deadline, transaction_hash, granted_at, created_at, request)
  SELECT 'set_' || lpad(n::text, 26, '0'), 'ten_' || n % $2, 'test', 'key', 'req', 2, 'eip155:84532', '0xa',
    '0x' || lpad(to_hex(n % 500), 40, '0'), '0x' || lpad(to_hex(n % $2), 40, '0'), n, ${HASH}, 0, 0, '0x', 'key/' || n, 'x',
    'https://seller.example/' || n % 700, 'order-' || n,
    (ARRAY['queued', 'broadcast', 'mined', 'final', 'final', 'final', 'failed'])[n % 7 + 1],
    1, false, now(), ${HASH}, now(), now() - n * interval '4 minutes', '{}'
  FROM generate_series(1, $1::integer) AS n`
const FILL_ATTEMPTS = `WITH numbers AS (SELECT n, ${HASH} AS hash FROM generate_series(1, $1::integer) AS n),
  transactions AS (
    INSERT INTO chain_transactions (id, network, wallet, nonce, state)
    SELECT 'txn_' || n, 'eip155:84532', '0xw', n, 'open' FROM numbers),
  attempts AS (
    INSERT INTO chain_attempts (network, hash, transaction_id, kind, raw, gas, max_fee_wei, tip_wei, fence)
    SELECT 'eip155:84532', hash, 'txn_' || n, 'settle', '0x', 1, 1, 1, 1 FROM numbers),
  members AS (
    INSERT INTO attempt_members (network, hash, settlement_id)
    SELECT 'eip155:84532', hash, 'set_' || lpad(n::text, 26, '0') FROM numbers)
  INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state)
  SELECT 'set_' || lpad(n::text, 26, '0'), 'ten_' || n % ${TENANTS}, 'test', 0, 'claim', 'queued' FROM numbers`

/** Asks the reader, and gives the plan of the query that it made. */
async function planOf(ask: (reader: SettlementReader) => Promise<unknown>): Promise<string> {
  const asked: { text: string; values: unknown[] }[] = []
  const watched = {
    query(text: string, values: unknown[]) {
      asked.push({ text, values })
      return pool.query(text, values)
    },
  }
  await ask(createSettlementReader(watched as unknown as Pool))
  expect(asked).toHaveLength(1)
  const { text = '', values = [] } = asked[0] ?? {}
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

describe(`with ${ROWS} rows no read goes through the whole table`, () => {
  const page = (filters: SettlementFilters) => ({ filters, from: null, to: null, before: null, limit: 21 })

  it.each<[string, SettlementFilters, RegExp]>([
    ['nothing', {}, /settlements_tenant_id_mode_created_at_id_idx/],
    [
      'transaction',
      { transaction: hash(4_007) },
      /chain_attempts_(pkey|hash_idx)[\s\S]*settlement_events_transaction_hash_idx[\s\S]*settlements_tenant_id_mode_transaction/,
    ],
    ['payer', { payer: address(7) }, /settlements_tenant_id_mode_payer_created_at_idx/],
    ['status', { states: statesOf('pending') }, /settlements_tenant_id_mode_(state_)?created_at/],
    ['resource', { resource: 'https://seller.example/7' }, /settlements_tenant_id_mode_resource_created_at_idx/],
    ['nonce', { nonce: hash(27) }, /settlements_nonce_idx/],
    ['paymentIdentifier', { paymentIdentifier: 'order-27' }, /settlements_tenant_id_mode_payment_identifier_idx/],
    ['payTo', { payTo: address(7) }, /settlements_tenant_id_mode_created_at_id_idx/],
    ['granted', { granted: false, states: statesOf('settled') }, /settlements_tenant_id_mode_\w*created_at/],
  ])('a list by %s', async (_, filters, index) => {
    const plan = await planOf((reader) => reader.list(owner, page(filters)))
    expect(plan).not.toContain('Seq Scan')
    expect(plan).toMatch(index)
  })

  it('a later page begins where the one before ended', async () => {
    const before = { atMs: Date.now() - 20 * DAY_MS, id: 'set_x' }
    const plan = await planOf((reader) => reader.list(owner, { ...page({}), before }))
    expect(plan).not.toContain('Seq Scan')
    expect(plan).toMatch(/Index Cond: .*ROW\(created_at, id\) </)
  })

  it.each<[string, (reader: SettlementReader) => Promise<unknown>]>([
    ['one row', (reader) => reader.find(owner, 'set_00000000000000000000000027')],
    ['one row with its history', (reader) => reader.findWithHistory(owner, 'set_00000000000000000000000027')],
    ['a look at one row', (reader) => reader.look(owner, 'set_00000000000000000000000027')],
    ['the sums of a month', (reader) => reader.sums(owner, month(), COUNTED)],
  ])('%s', async (_, ask) => {
    const plan = await planOf(ask)
    expect(plan).not.toContain('Seq Scan')
    expect(plan).toMatch(/settlements_(pkey|tenant_id_mode_\w*created_at)/)
  })
})

const COUNTED = { pending: statesOf('pending'), settled: statesOf('settled'), failed: statesOf('failed') }
const month = () => ({
  from: new Date(Date.now() - 30 * DAY_MS),
  to: new Date(Date.now() + DAY_MS),
  step: 'day' as const,
})
