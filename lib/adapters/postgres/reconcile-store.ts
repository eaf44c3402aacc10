import type { Pool, PoolClient, QueryResultRow } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { PageOf, ReconcileStore, SettlementFacts, TransactionFacts } from '@/lib/settlements/reconcile/facts'
import { orUnavailable } from './pool'
import { type EntryText, type MemberText, type TransactionText, toAttempts, toBig, toEntry } from './reconcile-rows'
import * as sql from './reconcile-sql'
import { type SettlementRow, toSettlement } from './settlement-row'

/** Reads everything that reconciliation compares. Every page is one snapshot, so that a row and its entries fit together. */
export function createReconcileStore(pool: Pool): ReconcileStore {
  const all = async <Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await orUnavailable(pool.query<Row>(text, values))).rows

  return {
    networks: async () => (await all<{ network: string }>(sql.NETWORKS)).map(({ network }) => network),
    async count(network, { from, to }) {
      const [counts] = await all<{ settlements: number; transactions: number }>(sql.COUNT, [network, '', from, to])
      return counts ?? { settlements: 0, transactions: 0 }
    },
    settlements: (network, page) => orUnavailable(snapshot(pool, (client) => readSettlements(client, network, page))),
    transactions: (network, page) => orUnavailable(snapshot(pool, (client) => readTransactions(client, network, page))),
    async missingRows(network) {
      const rows = await all<MissingRowText>(sql.MISSING_ROWS, [network])
      return rows.map(({ settlement_id, has_events, ...traces }) => ({
        ...traces,
        settlementId: settlement_id,
        hasEvents: has_events,
      }))
    },
    async strayEntries(network) {
      const rows = await all<{ transaction_hash: string; is_gas: boolean; accounts: string[] }>(sql.STRAY_ENTRIES, [
        network,
      ])
      return rows.map(({ transaction_hash, is_gas, accounts }) => ({
        transactionHash: transaction_hash,
        isGas: is_gas,
        accounts,
      }))
    },
    async unbalanced(network) {
      const rows = await all<{ asset: string; sum: string }>(sql.UNBALANCED, [network])
      return rows.map(({ asset, sum }) => ({ asset, sum: BigInt(sum) }))
    },
    async idleFlights(network) {
      const rows = await all<{ asset: string; payer: string; in_flight: string }>(sql.IDLE_FLIGHTS, [network])
      return rows.map(({ asset, payer, in_flight }) => ({ asset, payer, inFlight: BigInt(in_flight) }))
    },
    async wallets(network) {
      const rows = await all<{ address: Hex; next_nonce: string }>(sql.WALLETS, [network])
      return rows.map(({ address, next_nonce }) => ({ address, nextNonce: BigInt(next_nonce) }))
    },
    async noncesFrom(network, wallet, from) {
      const rows = await all<{ nonce: string }>(sql.NONCES_FROM, [network, wallet, from.toString()])
      return rows.map(({ nonce }) => BigInt(nonce))
    },
  }
}

type MissingRowText = { settlement_id: string; used: boolean; ledger: boolean; member: boolean; has_events: boolean }

async function snapshot<T>(pool: Pool, read: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const result = await read(client)
    await client.query('COMMIT')
    client.release()
    return result
  } catch (error) {
    client.release(true)
    throw error
  }
}

function pageValues(page: PageOf): unknown[] {
  return 'ids' in page ? [page.ids] : [page.afterId, page.span.from, page.span.to, page.limit]
}

async function readSettlements(client: PoolClient, network: string, page: PageOf): Promise<SettlementFacts[]> {
  const text = 'ids' in page ? sql.SETTLEMENTS_OF_IDS : sql.SETTLEMENTS_PAGE
  const { rows } = await client.query<SettlementRow>(text, [network, ...pageValues(page)])
  const ids = rows.map(({ id }) => id)
  const of = <Row extends OfSettlement>(query: string) => groupBy<Row>(client, query, ids, 'settlement_id')
  const used = await of<OfSettlement & { transaction_hash: Hex; position: number }>(sql.USED)
  const rivals = await of<OfSettlement & { rival: string }>(sql.RIVALS)
  const entries = await of<OfSettlement & EntryText>(sql.ENTRIES)
  const events = await of<OfSettlement & { version: number; state: string; at: Date }>(sql.EVENTS)
  const attempts = await of<OfSettlement & { hash: Hex }>(sql.ATTEMPTS_OF_ROWS)
  return rows.map((row) => {
    const [own] = used(row.id)
    return {
      settlement: toSettlement(row),
      position: row.position,
      blockNumber: toBig(row.block_number),
      blockHash: row.block_hash,
      used: own ? { transactionHash: own.transaction_hash, position: own.position } : null,
      rival: rivals(row.id)[0]?.rival ?? null,
      entries: entries(row.id).map(toEntry),
      events: events(row.id),
      attempts: attempts(row.id).map(({ hash }) => hash),
    }
  })
}

async function readTransactions(client: PoolClient, network: string, page: PageOf): Promise<TransactionFacts[]> {
  const text = 'ids' in page ? sql.TRANSACTIONS_OF_IDS : sql.TRANSACTIONS_PAGE
  const { rows } = await client.query<TransactionText>(text, [network, ...pageValues(page)])
  const ids = rows.map(({ id }) => id)
  const of = <Row extends OfTransaction>(query: string) => groupBy<Row>(client, query, ids, 'transaction_id')
  const members = await of<OfTransaction & MemberText>(sql.MEMBERS)
  const gas = await of<OfTransaction & EntryText>(sql.GAS_ENTRIES)
  const positions = await of<OfTransaction & { position: number }>(sql.USED_POSITIONS)
  return rows.map((row) => ({
    id: row.id,
    wallet: row.wallet,
    nonce: BigInt(row.nonce),
    isOpen: row.state === 'open',
    minedHash: row.mined_hash,
    blockNumber: toBig(row.block_number),
    blockHash: row.block_hash,
    succeeded: row.succeeded,
    feeWei: toBig(row.fee_wei),
    createdAt: row.created_at,
    attempts: toAttempts(members(row.id)),
    gas: gas(row.id).map(toEntry),
    usedPositions: positions(row.id).map(({ position }) => position),
  }))
}

type OfSettlement = { settlement_id: string }
type OfTransaction = { transaction_id: string }

/** Rows of a query by what they belong to. */
async function groupBy<Row extends QueryResultRow>(
  client: PoolClient,
  text: string,
  ids: readonly string[],
  column: keyof Row & string,
): Promise<(id: string) => Row[]> {
  const groups = new Map<string, Row[]>(ids.map((id) => [id, []]))
  if (ids.length > 0) for (const row of (await client.query<Row>(text, [ids])).rows) groups.get(row[column])?.push(row)
  return (id) => groups.get(id) ?? []
}
