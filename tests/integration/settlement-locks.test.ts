import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createSettlementStore } from '@/lib/adapters/postgres/settlement-store'
import { createSettlerStore } from '@/lib/adapters/postgres/settler-store'
import { transferEntries } from '@/lib/settlements/ledger'
import type { MinedTransfer, Settlement, SettlementId } from '@/lib/settlements/settlement'
import { queryDatabase } from '@/tests/support/database'
import { insertAttempt, insertSettlement, randomHex, type StoredSettlement } from '@/tests/support/settlements'
import { createDatabase } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const { postgresUrl } = inject('service')
const PATIENCE = { timeout: 20_000, interval: 50 }
const BUDGET = { tenantWei: 10n ** 30n, payerWei: 10n ** 30n }
const REFUSAL = { reason: 'invalid_exact_evm_transaction_failed', message: 'It failed.' }
const BLOCK = { blockNumber: 11n, blockHash: randomHex(32) }

let databaseUrl: string
let tenantId: string
/** One connection, which keeps its transaction open. */
let changing: Pool
/** The other connections, on which the same row is to be paid. */
let paying: Pool

beforeAll(async () => {
  databaseUrl = await createDatabase(postgresUrl)
  tenantId = (await createTenantWithKey(databaseUrl)).tenantId
  changing = new Pool({ connectionString: databaseUrl, max: 1, idleTimeoutMillis: 0 })
  paying = new Pool({ connectionString: databaseUrl, max: 2 })
})
afterAll(async () => {
  await changing?.end()
  await paying?.end()
})

async function aRow(state: 'queued' | 'broadcast' | 'failed', changes: Partial<StoredSettlement> = {}) {
  const { id } = await insertSettlement(databaseUrl, { tenantId, state, ...changes })
  const row = await createSettlementStore(paying, BUDGET).find(id as SettlementId)
  if (!row) throw new Error('there is no such row')
  return row
}

/** A failed row with the transaction of ours that it had entered: decided, and final. */
async function failedInOurs(): Promise<{ row: Settlement; transfer: MinedTransfer }> {
  const row = await aRow('failed')
  const transactionHash = randomHex(32)
  await insertAttempt(databaseUrl, [row], transactionHash)
  await queryDatabase(
    databaseUrl,
    `UPDATE chain_transactions SET state = 'decided', is_final = true, mined_hash = $1, block_number = $2, block_hash = $3
     WHERE id = (SELECT transaction_id FROM chain_attempts WHERE hash = $1)`,
    [transactionHash, BLOCK.blockNumber, BLOCK.blockHash],
  )
  return { row, transfer: { ...BLOCK, transactionHash, position: 1 } }
}

const byAnother = (): MinedTransfer => ({ ...BLOCK, transactionHash: randomHex(32), position: 1 })

type Change = () => Promise<unknown>

/** Pays a row while another database transaction, which ends only when the payment waits for it, is changing it. */
async function payDuring(change: Change, row: Settlement, transfer: MinedTransfer, end: 'COMMIT' | 'ROLLBACK') {
  await changing.query('BEGIN')
  let isPaid: Promise<boolean>
  try {
    const pid = (await changing.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid
    expect(await change()).toBe(true)
    isPaid = createSettlerStore(paying).preempt(row, transfer, transferEntries(row, transfer))
    await expect.poll(() => isWaitedFor(pid), PATIENCE).toBe(true)
  } finally {
    await changing.query(end)
  }
  return isPaid
}

async function isWaitedFor(pid: number | undefined): Promise<boolean> {
  const text = 'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND $1 = ANY(pg_blocking_pids(pid))'
  return (await paying.query(text, [pid])).rowCount === 1
}

/** All that a payment would have written, and what became of the row. */
async function factsOf({ id }: Settlement) {
  const [facts] = await queryDatabase(
    databaseUrl,
    `SELECT state, version, payment_key IS NULL AS "isFree", reason,
       (SELECT string_agg(transition, ' ' ORDER BY version) FROM settlement_events WHERE settlement_id = $1) AS told,
       (SELECT count(*)::int FROM used_transfers WHERE settlement_id = $1) AS transfers,
       (SELECT count(*)::int FROM ledger_entries WHERE settlement_id = $1) AS entries
     FROM settlements WHERE id = $1`,
    [id],
  )
  return facts
}

const UNPAID = { version: 1, transfers: 0, entries: 0 }
const PAID = { state: 'settled_by_other', isFree: false, reason: null, transfers: 1, entries: 2 }

describe('a row that another database transaction is just changing', () => {
  it('is not paid when it is released: its key may be somebody else’s by then', async () => {
    const row = await aRow('queued')
    const release = () => createSettlementStore(changing, BUDGET).releaseLate(row.id, row.version)
    expect(await payDuring(release, row, byAnother(), 'COMMIT')).toBe(false)
    expect(await factsOf(row)).toEqual({
      ...UNPAID,
      ...{ state: 'failed', isFree: true, reason: 'settlement_unavailable', told: 'release' },
    })
  })

  it('is not paid when the worker refuses it, unsigned', async () => {
    const row = await aRow('queued')
    const refuse = () => createSettlerStore(changing).refuse(row, REFUSAL)
    expect(await payDuring(refuse, row, byAnother(), 'COMMIT')).toBe(false)
    expect(await factsOf(row)).toEqual({
      ...UNPAID,
      ...{ state: 'failed', isFree: true, reason: REFUSAL.reason, told: 'release' },
    })
  })

  it('is paid when its release is undone', async () => {
    const row = await aRow('queued')
    const release = () => createSettlementStore(changing, BUDGET).releaseLate(row.id, row.version)
    expect(await payDuring(release, row, byAnother(), 'ROLLBACK')).toBe(true)
    expect(await factsOf(row)).toEqual({ ...PAID, version: 1, told: 'preempt' })
  })

  it('is paid as it is afterwards when it fails: its signature is public, and its key still its own', async () => {
    const row = await aRow('broadcast')
    const fail = () => createSettlerStore(changing).refuse(row, REFUSAL)
    expect(await payDuring(fail, row, byAnother(), 'COMMIT')).toBe(true)
    expect(await factsOf(row)).toEqual({ ...PAID, version: 2, told: 'fail preempt' })
  })

  it('is not paid when it expires, whoever sent the transaction that is found', async () => {
    const ours = await failedInOurs()
    for (const { row, transfer } of [{ row: await aRow('failed'), transfer: byAnother() }, ours]) {
      const expire = () => createSettlerStore(changing).expire(row)
      expect(await payDuring(expire, row, transfer, 'COMMIT')).toBe(false)
      expect(await factsOf(row)).toMatchObject({ ...UNPAID, state: 'expired', told: 'expire' })
    }
  })
})
