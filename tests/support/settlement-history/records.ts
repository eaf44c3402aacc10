import type { SettlementState, TransitionName } from '@/lib/core/settlement-states'
import { queryDatabase } from '@/tests/support/database'

export type Row = {
  id: string
  key: string
  payment_key: string | null
  tenant_id: string
  pay_to: string
  payer: string
  amount: string
  state: SettlementState
  version: number
  reason: string | null
  is_ready: boolean
  released_at: Date | null
  granted_at: Date | null
  transaction_hash: string | null
  position: number | null
}

export type Event = {
  settlement_id: string
  version: number
  transition: TransitionName
  state: SettlementState
  at: Date
}
type Entry = { transaction_hash: string; account: string; asset: string; amount: string; settlement_id: string | null }
export type Transaction = { wallet: string; nonce: string; state: string; mined_hash: string | null; members: string[] }

export type Records = {
  rows: Row[]
  events: Event[]
  ledger: Entry[]
  used: { transaction_hash: string; position: number; settlement_id: string }[]
  flights: { payer: string; in_flight: string }[]
  transactions: Transaction[]
}

/** A payment’s key, as SQL. */
export const KEY = ['nonce', 'payer', 'asset', 'network'].map((column) => `settlements.${column}`).join(` || '/' || `)

/** Everything that the database knows of settlements, but for magic ones. */
export async function readRecords(databaseUrl: string): Promise<Records> {
  const [rows, events, ledger, used, flights, transactions] = await Promise.all([
    queryDatabase<Row>(
      databaseUrl,
      `SELECT id, ${KEY} AS key, payment_key, tenant_id, pay_to, payer, amount::text, state, version, reason, is_ready,
         released_at, granted_at, transaction_hash, position FROM settlements WHERE NOT is_magic`,
    ),
    queryDatabase<Event>(
      databaseUrl,
      'SELECT settlement_id, version, transition, state, at FROM settlement_events ORDER BY settlement_id, version',
    ),
    queryDatabase<Entry>(
      databaseUrl,
      'SELECT transaction_hash, account, asset, amount::text, settlement_id FROM ledger_entries',
    ),
    queryDatabase<Records['used'][number]>(
      databaseUrl,
      'SELECT transaction_hash, position, settlement_id FROM used_transfers',
    ),
    queryDatabase<Records['flights'][number]>(databaseUrl, 'SELECT payer, in_flight::text FROM payer_flights'),
    queryDatabase<Transaction>(databaseUrl, TRANSACTIONS),
  ])
  return { rows, events, ledger, used, flights, transactions }
}

const TRANSACTIONS = `SELECT wallet, tx.nonce::text, tx.state, mined_hash, COALESCE((SELECT array_agg(DISTINCT ${KEY})
    FROM chain_attempts AS attempt JOIN attempt_members AS member USING (network, hash)
    JOIN settlements ON settlements.id = member.settlement_id WHERE attempt.transaction_id = tx.id), '{}') AS members
  FROM chain_transactions AS tx ORDER BY tx.nonce`
