import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createSettlementStore } from '@/lib/adapters/postgres/settlement-store'
import { createSettlerStore } from '@/lib/adapters/postgres/settler-store'
import { Tables } from '@/tests/simulation/tables'
import { createMemoryWebStore } from '@/tests/simulation/web-store'
import { createMemoryWorkerStore } from '@/tests/simulation/worker-store'
import { createDatabase } from '@/tests/support/stack'
import { STORE_SCENARIOS } from '@/tests/support/store-scenarios/all'
import { type Facts, Play, type StoreStage, TENANTS } from '@/tests/support/store-scenarios/play'

const { postgresUrl } = inject('service')
const BUDGET = 10n ** 30n

let pool: Pool

beforeAll(async () => {
  pool = new Pool({ connectionString: await createDatabase(postgresUrl), max: 8 })
  await pool.query(`INSERT INTO tenants (id, name, plan) SELECT id, 'x', 'pro' FROM unnest($1::text[]) AS id`, [
    TENANTS,
  ])
})
afterAll(() => pool?.end())

function postgresStage(): StoreStage {
  return {
    web: createSettlementStore(pool, { tenantWei: BUDGET, payerWei: BUDGET }),
    worker: createSettlerStore(pool),
    async elapse(ms) {
      await pool.query(`UPDATE wallets SET lease_until = lease_until - $1::int * interval '1 millisecond'`, [ms])
      await pool.query(
        `UPDATE settlements SET taken_until = taken_until - $1::int * interval '1 millisecond',
           deadline = deadline - $1::int * interval '1 millisecond'`,
        [ms],
      )
    },
    facts: readFacts,
  }
}

async function readFacts(network: string): Promise<Facts> {
  const rows = await pool.query<{ state: string; version: number; has_key: boolean; is_ready: boolean; told: string }>(
    `SELECT state, version, payment_key IS NOT NULL AS has_key, is_ready, (SELECT string_agg(transition, ' ' ORDER BY version)
       FROM settlement_events WHERE settlement_id = settlements.id) AS told
     FROM settlements WHERE network = $1 ORDER BY created_at, id`,
    [network],
  )
  const one = async (text: string) =>
    (await pool.query<{ value: string | null }>(text, [network])).rows[0]?.value ?? null
  const books = await pool.query<{ account: string; sum: string }>(
    `SELECT account, sum(amount)::text AS sum FROM ledger_entries WHERE network = $1 GROUP BY account HAVING sum(amount) <> 0`,
    [network],
  )
  const nextNonce = await one('SELECT next_nonce::text AS value FROM wallets WHERE network = $1')
  return {
    rows: rows.rows.map((row) => describeRow({ ...row, hasKey: row.has_key, isReady: row.is_ready })),
    changes: rows.rows.map(({ told }) => told),
    flights: BigInt((await one('SELECT sum(in_flight)::text AS value FROM payer_flights WHERE network = $1')) ?? 0),
    usedTransfers: Number(await one('SELECT count(*)::text AS value FROM used_transfers WHERE network = $1')),
    ledger: Object.fromEntries(books.rows.map(({ account, sum }) => [account, BigInt(sum)])),
    nextNonce: nextNonce === null ? null : BigInt(nextNonce),
  }
}

type Described = { state: string; version: number; hasKey: boolean; isReady: boolean }

function describeRow({ state, version, hasKey, isReady }: Described): string {
  return [state, version, hasKey ? 'key' : 'free', ...(isReady ? ['ready'] : [])].join(' ')
}

function memoryStage(): StoreStage {
  let passedMs = 0
  const tables = new Tables(() => Date.now() + passedMs)
  return {
    web: createMemoryWebStore(tables),
    worker: createMemoryWorkerStore(tables),
    async elapse(ms) {
      passedMs += ms
    },
    async facts(): Promise<Facts> {
      const rows = [...tables.rows.values()]
      const told = ({ id }: { id: string }) => tables.events.filter((event) => event.id === id)
      const ledger = new Map<string, bigint>()
      for (const { account, amount } of tables.ledger) ledger.set(account, (ledger.get(account) ?? 0n) + amount)
      return {
        rows: rows.map((row) => describeRow({ ...row, hasKey: row.paymentKey !== null })),
        changes: rows.map((row) =>
          told(row)
            .map(({ transition }) => transition)
            .join(' '),
        ),
        flights: [...tables.flights.values()].reduce((sum, { inFlight }) => sum + inFlight, 0n),
        usedTransfers: tables.usedTransfers.size,
        ledger: Object.fromEntries([...ledger].filter(([, sum]) => sum !== 0n)),
        nextNonce: [...tables.wallets.values()][0]?.nextNonce ?? null,
      }
    },
  }
}

describe.each([
  ['Postgres', postgresStage],
  ['the memory of the simulation', memoryStage],
])('the stores of settlement in %s', (name, open) => {
  it.each(STORE_SCENARIOS.map((scenario, index) => [scenario.name, scenario, index] as const))(
    '%s',
    async (_, scenario, index) => {
      const play = new Play(open(), `conformance:${name.length}:${index}`)
      await scenario.run(play)
      expect(play.told).toEqual(scenario.expected)
    },
  )
})
