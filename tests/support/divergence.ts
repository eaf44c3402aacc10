import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { DiscrepancyClass } from '@/lib/settlements/reconcile/classes'
import type { SettledTransaction } from './settled-rows'
import { NETWORK } from './settled-rows-payments'
import { insertAll } from './settled-rows-tables'
import { randomHex, type StoredSettlement } from './settlements'

/** What a divergence is made of: a row of its own, and transactions that stand aside. */
type Target = {
  pool: Pool
  row: StoredSettlement
  transaction: SettledTransaction
  /** A paid row that is not touched otherwise. */
  neighbour: StoredSettlement
  /** Transactions on the chain that paid nobody. */
  revertedHash: Hex
  strangeHash: Hex
}

type On = 'final' | 'mined' | 'young' | 'failed' | 'broadcast' | 'transaction' | 'nothing'
export type Divergence = {
  class: DiscrepancyClass
  on: On
  /** Gives the subject under which it is to be found. */
  inject(target: Target): Promise<string>
}

/** One statement on the row: `$1` is its id, what follows stands behind. */
export function onRow(text: string, values: (target: Target) => unknown[] = () => []) {
  return async (target: Target) => {
    await target.pool.query(text, [target.row.id, ...values(target)])
    return target.row.id
  }
}

/** Columns of the row are set. */
export const updateRow = (set: string, values?: (target: Target) => unknown[]) =>
  onRow(`UPDATE settlements SET ${set} WHERE id = $1`, values)
/** Columns of its entries are set, of all or of some. */
export const updateEntries = (set: string, where = 'true', values?: (target: Target) => unknown[]) =>
  onRow(`UPDATE ledger_entries SET ${set} WHERE settlement_id = $1 AND ${where}`, values)
/** One statement on the transaction: `$1` is its id. */
export const onTransaction =
  (text: string, values: (target: Target) => unknown[] = () => []) =>
  async (target: Target) => {
    await target.pool.query(text, [target.transaction.id, ...values(target)])
    return target.transaction.id
  }
/** A hash of nothing, as the value of a statement. */
export const random = () => [randomHex(32)]

/** The row goes to another state with the event that belongs to it, and nothing else happens. */
export async function goTo({ pool, row }: Target, state: string): Promise<string> {
  const text = `WITH changed AS (UPDATE settlements SET state = $2, version = version + 1 WHERE id = $1 RETURNING *)
    INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state)
    SELECT id, tenant_id, mode, version, 'test', state FROM changed`
  await pool.query(text, [row.id, state])
  return row.id
}

/** Nothing but the row itself says that it was paid. */
export async function forgetPayment({ pool, row }: Target): Promise<void> {
  await pool.query('DELETE FROM used_transfers WHERE settlement_id = $1', [row.id])
  await pool.query('DELETE FROM ledger_entries WHERE settlement_id = $1', [row.id])
}

/** Two entries that add up to zero, and that belong to nothing. */
export async function addPair(target: Target, changes: Record<string, unknown> = {}): Promise<void> {
  const { row, pool } = target
  const entry = {
    ...{
      network: NETWORK,
      kind: 'post',
      transactionHash: row.transactionHash ?? randomHex(32),
      position: row.position ?? 1,
    },
    ...{ blockNumber: row.blockNumber ?? 5, blockHash: row.blockHash ?? randomHex(32), asset: row.asset },
    ...{ settlementId: row.id, ...changes },
  }
  await insertAll(pool, 'ledger_entries', [
    { ...entry, turn: 0, account: `payer:${randomHex(20)}`, amount: -7 },
    { ...entry, turn: 0, account: `seller:${row.tenantId}:${randomHex(20)}`, amount: 7 },
  ])
}
