import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { type LedgerEntry, transferEntries } from '@/lib/settlements/ledger'
import { ASSET, NETWORK } from './settled-rows-payments'
import { randomHex, type StoredSettlement } from './settlements'

/** Where a row says that it was paid. */
export function minedOf({ transactionHash, position, blockNumber, blockHash }: StoredSettlement) {
  return { transactionHash, position, blockNumber, blockHash } as Parameters<typeof transferEntries>[1]
}

type Decided = Omit<LedgerEntry, 'position' | 'account' | 'asset' | 'amount' | 'settlementId'> & {
  id: string
  wallet: Hex
  nonce: number
  feeWei: bigint
  isFinal: boolean
}

/** Rows for many tables, written together: a table's rows in one statement. */
export class Tables {
  private readonly rows = new Map<string, Record<string, unknown>[]>()

  row(row: StoredSettlement): void {
    this.add('settlements', { ...row, request: {} })
  }

  paid(row: StoredSettlement, history: readonly string[]): void {
    this.row(row)
    this.history(row, history)
    const { network, transactionHash, position, id } = row
    this.add('used_transfers', { network, transactionHash, position, settlementId: id })
    this.entries(network, transferEntries(row as never, minedOf(row)))
  }

  history({ id, tenantId, mode, transactionHash }: StoredSettlement, states: readonly string[]): void {
    for (const [version, state] of states.entries()) {
      const hash = version === 0 ? null : transactionHash
      const event = { settlementId: id, tenantId, mode, version, transition: 'test', state, transactionHash: hash }
      this.add('settlement_events', { ...event, at: new Date() })
    }
  }

  entries(network: string, entries: readonly LedgerEntry[], kind = 'post'): void {
    for (const entry of entries) this.add('ledger_entries', { network, kind, ...entry })
  }

  decided({ feeWei, isFinal, transactionHash, ...transaction }: Decided, members: readonly StoredSettlement[]): void {
    const decided = { minedHash: transactionHash, succeeded: true, feeWei, isFinal, decidedAt: new Date() }
    this.add('chain_transactions', { network: NETWORK, state: 'decided', ...transaction, ...decided })
    this.attempt(transaction.id, transactionHash, members)
  }

  /** A transaction that nobody has mined, of a wallet that has sent nothing else; its payers' money is in flight. */
  open(wallet: Hex, members: readonly StoredSettlement[]): void {
    const id = newId('transaction', Date.now())
    this.add('wallets', { network: NETWORK, address: wallet, nextNonce: 1 })
    this.add('chain_transactions', { id, network: NETWORK, wallet, nonce: 0, state: 'open' })
    this.attempt(id, randomHex(32), members)
    for (const payer of new Set(members.map((row) => row.payer))) {
      const amounts = members.filter((row) => row.payer === payer).map(({ amount }) => amount)
      const inFlight = amounts.reduce((sum, amount) => sum + amount, 0n)
      this.add('payer_flights', { network: NETWORK, asset: ASSET, payer, inFlight, decidedBlock: 1 })
    }
  }

  private attempt(transactionId: string, hash: Hex, members: readonly StoredSettlement[]): void {
    const fees = { gas: 100_000, maxFeeWei: 1, tipWei: 1, fence: 1 }
    this.add('chain_attempts', { network: NETWORK, hash, transactionId, kind: 'settle', raw: '0x', ...fees })
    for (const { id } of members) this.add('attempt_members', { network: NETWORK, hash, settlementId: id })
  }

  private add(table: string, row: Record<string, unknown>): void {
    const rows = this.rows.get(table) ?? []
    rows.push(row)
    this.rows.set(table, rows)
  }

  async insert(pool: Pool): Promise<void> {
    for (const table of ORDER) await insertAll(pool, table, this.rows.get(table) ?? [])
  }
}

/** Before what refers to them. */
const ORDER = [
  ...['settlements', 'settlement_events', 'used_transfers', 'ledger_entries', 'wallets', 'payer_flights'],
  ...['chain_transactions', 'chain_attempts', 'attempt_members'],
]
const AT_ONCE = 2_000

/** Writes rows whose fields are the columns in camel case. Every row has the same fields as the first. */
export async function insertAll(pool: Pool, table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const [first] = rows
  if (!first) return
  const fields = Object.keys(first)
  const columns = fields.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  const names = columns.join(', ')
  const text = `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1::json)`
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const records = rows.slice(start, start + AT_ONCE).map((row) => toRecord(row, fields, columns))
    await pool.query(text, [JSON.stringify(records)])
  }
}

function toRecord(row: Record<string, unknown>, fields: readonly string[], columns: readonly string[]) {
  return Object.fromEntries(
    columns.map((column, index) => {
      const value = row[fields[index] as string]
      return [column, typeof value === 'bigint' ? value.toString() : value]
    }),
  )
}
