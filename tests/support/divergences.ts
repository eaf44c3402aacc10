import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import type { DiscrepancyClass } from '@/lib/settlements/reconcile/classes'
import { insertAll, NETWORK, type SettledTransaction } from './settled-rows'
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
function onRow(text: string, values: (target: Target) => unknown[] = () => []) {
  return async (target: Target) => {
    await target.pool.query(text, [target.row.id, ...values(target)])
    return target.row.id
  }
}

const updateRow = (set: string, values?: (target: Target) => unknown[]) =>
  onRow(`UPDATE settlements SET ${set} WHERE id = $1`, values)
const updateEntries = (set: string, where = 'true', values?: (target: Target) => unknown[]) =>
  onRow(`UPDATE ledger_entries SET ${set} WHERE settlement_id = $1 AND ${where}`, values)
const onTransaction =
  (text: string, values: (target: Target) => unknown[] = () => []) =>
  async (target: Target) => {
    await target.pool.query(text, [target.transaction.id, ...values(target)])
    return target.transaction.id
  }
const random = () => [randomHex(32)]

/** The row goes to another state with the event that belongs to it, and nothing else happens. */
async function goTo({ pool, row }: Target, state: string): Promise<string> {
  const text = `WITH changed AS (UPDATE settlements SET state = $2, version = version + 1 WHERE id = $1 RETURNING *)
    INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state)
    SELECT id, tenant_id, mode, version, 'test', state FROM changed`
  await pool.query(text, [row.id, state])
  return row.id
}

async function forgetPayment({ pool, row }: Target): Promise<void> {
  await pool.query('DELETE FROM used_transfers WHERE settlement_id = $1', [row.id])
  await pool.query('DELETE FROM ledger_entries WHERE settlement_id = $1', [row.id])
}

async function addPair(target: Target, changes: Record<string, unknown> = {}): Promise<void> {
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

/** Every way to differ that can be made from rows that are right. Each is to be found as its class, and as nothing else. */
export const DIVERGENCES: readonly Divergence[] = [
  { class: 'settled_row_without_receipt', on: 'final', inject: updateRow('transaction_hash = $2', random) },
  { class: 'receipt_reverted', on: 'final', inject: updateRow('transaction_hash = $2', (t) => [t.revertedHash]) },
  { class: 'transfer_missing', on: 'final', inject: updateRow('transaction_hash = $2', (t) => [t.strangeHash]) },
  { class: 'transfer_wrong_amount', on: 'final', inject: updateRow('amount = amount * 2') },
  { class: 'transfer_wrong_recipient', on: 'final', inject: updateRow('pay_to = $2', () => [randomHex(20)]) },
  { class: 'authorization_log_missing', on: 'final', inject: updateRow('nonce = $2', random) },
  { class: 'position_wrong', on: 'final', inject: updateRow('position = position - 1') },
  { class: 'block_hash_wrong', on: 'mined', inject: updateRow('block_hash = $2', random) },
  { class: 'block_number_wrong', on: 'final', inject: updateRow('block_number = block_number + 1') },
  { class: 'final_block_changed', on: 'final', inject: updateRow('block_hash = $2', random) },
  { class: 'not_final_marked_final', on: 'young', inject: (target) => goTo(target, 'final') },
  { class: 'not_marked_final', on: 'mined', inject: updateRow(`settled_at = now() - interval '1 hour'`) },
  {
    class: 'row_not_member',
    on: 'final',
    inject: onRow('DELETE FROM attempt_members WHERE settlement_id = $1'),
  },
  { class: 'settled_by_other_by_us', on: 'mined', inject: (target) => goTo(target, 'settled_by_other') },
  {
    class: 'paid_state_without_used_transfer',
    on: 'final',
    inject: onRow('DELETE FROM used_transfers WHERE settlement_id = $1'),
  },
  {
    class: 'used_transfer_wrong',
    on: 'final',
    inject: onRow('UPDATE used_transfers SET position = position - 1 WHERE settlement_id = $1'),
  },
  {
    class: 'used_transfer_shared',
    on: 'final',
    inject: async (target) => {
      const { transactionHash, position } = target.neighbour
      return updateRow('transaction_hash = $2, position = $3', () => [transactionHash, position])(target)
    },
  },
  {
    class: 'used_transfer_of_unpaid_row',
    on: 'failed',
    inject: onRow(
      'INSERT INTO used_transfers (settlement_id, network, transaction_hash, position) VALUES ($1, $2, $3, 1)',
      () => [NETWORK, randomHex(32)],
    ),
  },
  {
    class: 'used_transfer_without_row',
    on: 'nothing',
    inject: async ({ pool }) => {
      const settlementId = newId('settlement', Date.now())
      await insertAll(pool, 'used_transfers', [
        { network: NETWORK, transactionHash: randomHex(32), position: 1, settlementId },
      ])
      return settlementId
    },
  },
  { class: 'row_missing', on: 'final', inject: onRow('DELETE FROM settlements WHERE id = $1') },
  {
    class: 'ledger_entry_missing',
    on: 'final',
    inject: onRow(`DELETE FROM ledger_entries WHERE settlement_id = $1 AND account LIKE 'seller:%'`),
  },
  {
    class: 'ledger_entry_extra',
    on: 'final',
    inject: async (target) => {
      await addPair(target)
      return target.row.id
    },
  },
  {
    class: 'ledger_entry_double',
    on: 'final',
    inject:
      onRow(`INSERT INTO ledger_entries (network, transaction_hash, position, block_number, block_hash, kind, turn, account, asset, amount, settlement_id)
      SELECT network, transaction_hash, position, block_number, block_hash, kind, 1, account, asset, amount, settlement_id
      FROM ledger_entries WHERE settlement_id = $1`),
  },
  { class: 'ledger_wrong_amount', on: 'final', inject: updateEntries('amount = amount - sign(amount) * 1000') },
  {
    class: 'ledger_wrong_account',
    on: 'final',
    inject: updateEntries('account = $2', `account LIKE 'seller:%'`, () => [`seller:ten_other:${randomHex(20)}`]),
  },
  { class: 'ledger_wrong_transfer', on: 'final', inject: updateEntries('position = position + 2') },
  { class: 'ledger_block_mismatch', on: 'final', inject: updateEntries('block_hash = $2', 'true', random) },
  {
    class: 'ledger_entry_of_unpaid_row',
    on: 'failed',
    inject: async (target) => {
      await addPair(target)
      return target.row.id
    },
  },
  {
    class: 'ledger_entry_without_row',
    on: 'nothing',
    inject: async (target) => {
      const transactionHash = randomHex(32)
      await addPair(target, { settlementId: null, transactionHash })
      return transactionHash
    },
  },
  {
    class: 'gas_entry_missing',
    on: 'transaction',
    inject: onTransaction(
      `DELETE FROM ledger_entries USING chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1`,
    ),
  },
  {
    class: 'gas_entry_wrong',
    on: 'transaction',
    inject: onTransaction(
      `UPDATE ledger_entries SET amount = amount - 1 FROM chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1 AND account LIKE 'wallet:%'`,
    ),
  },
  {
    class: 'gas_entry_double',
    on: 'transaction',
    inject: onTransaction(
      `UPDATE ledger_entries SET amount = amount * 2 FROM chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1`,
    ),
  },
  {
    class: 'gas_entry_without_transaction',
    on: 'nothing',
    inject: async (target) => {
      const transactionHash = randomHex(32)
      await addPair(target, { settlementId: null, transactionHash, position: -1, asset: 'native' })
      return transactionHash
    },
  },
  {
    class: 'row_failed_but_paid_on_chain',
    on: 'mined',
    inject: async (target) => {
      await forgetPayment(target)
      return goTo(target, 'failed')
    },
  },
  {
    class: 'row_released_but_authorization_used_by_us',
    on: 'mined',
    inject: async (target) => {
      await forgetPayment(target)
      await updateRow('released_at = now(), payment_key = NULL')(target)
      return goTo(target, 'failed')
    },
  },
  { class: 'row_expired_too_early', on: 'failed', inject: (target) => goTo(target, 'expired') },
  {
    class: 'row_open_too_long',
    on: 'broadcast',
    inject: onRow(`UPDATE settlement_events SET at = now() - interval '1 hour' WHERE settlement_id = $1`),
  },
  { class: 'granted_without_payment', on: 'failed', inject: updateRow('granted_at = now()') },
  {
    class: 'event_history_gap',
    on: 'final',
    inject: onRow('DELETE FROM settlement_events WHERE settlement_id = $1 AND version = 1'),
  },
  {
    class: 'attempt_without_member',
    on: 'transaction',
    inject: onTransaction(
      `INSERT INTO chain_attempts (transaction_id, network, hash, kind, raw, gas, max_fee_wei, tip_wei, fence)
       VALUES ($1, $2, $3, 'settle', '0x', 1, 1, 1, 1)`,
      () => [NETWORK, randomHex(32)],
    ),
  },
  {
    class: 'transaction_without_attempt',
    on: 'nothing',
    inject: async ({ pool }) => {
      const id = newId('transaction', Date.now())
      await insertAll(pool, 'chain_transactions', [
        { id, network: NETWORK, wallet: randomHex(20), nonce: 0, state: 'open' },
      ])
      return id
    },
  },
  {
    class: 'transaction_decided_without_receipt',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET mined_hash = $2 WHERE id = $1', random),
  },
  {
    class: 'transaction_nonce_taken',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET mined_hash = NULL WHERE id = $1'),
  },
  {
    class: 'transaction_wrong',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET fee_wei = fee_wei + 1 WHERE id = $1'),
  },
  {
    class: 'in_flight_not_zero_when_idle',
    on: 'nothing',
    inject: async ({ pool }) => {
      const payer = randomHex(20)
      await insertAll(pool, 'payer_flights', [
        { network: NETWORK, asset: randomHex(20), payer, inFlight: 5, decidedBlock: 1 },
      ])
      return payer
    },
  },
  {
    class: 'wallet_nonce_ahead',
    on: 'nothing',
    inject: async ({ pool }) => {
      const address = randomHex(20)
      await insertAll(pool, 'wallets', [{ network: NETWORK, address, nextNonce: 3 }])
      return address
    },
  },
]
