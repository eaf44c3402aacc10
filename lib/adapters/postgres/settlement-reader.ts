import type { Pool, QueryResultRow } from 'pg'
import type {
  PaymentSums,
  SettlementEventRecord,
  SettlementFilters,
  SettlementLook,
  SettlementPage,
  SettlementReader,
  SettlementRecord,
} from '@/lib/settlements/settlement-reader'
import { orUnavailable } from './pool'

const COLUMNS = `id, mode, key_id, request_id, x402_version, network, asset, payer, pay_to, amount::text, nonce,
  valid_before::text, resource, payment_identifier, state, version, reason, message, transaction_hash, position,
  block_number::text, granted_at, released_at, created_at, settled_at`

const OWNED = 'tenant_id = $1 AND mode = $2'
const ONE = `FROM settlements WHERE ${OWNED} AND id = $3`

/** Reads settlements. Every query names tenant and mode, and meets an index. */
export function createSettlementReader(pool: Pool): SettlementReader {
  const run = async <Row extends QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> =>
    (await orUnavailable(pool.query<Row>(text, values))).rows

  return {
    list({ tenantId, mode }, page) {
      const { text, values } = listQuery(page)
      return run<SettlementRecord>(text, [tenantId, mode, ...values])
    },
    async find({ tenantId, mode }, id) {
      const [row] = await run<SettlementRecord>(`SELECT ${COLUMNS} ${ONE}`, [tenantId, mode, id])
      return row ?? null
    },
    async findWithHistory({ tenantId, mode }, id) {
      const text = `SELECT ${COLUMNS}, (${HISTORY}) AS history ${ONE}`
      const [found] = await run<SettlementRecord & { history: StoredEvent[] }>(text, [tenantId, mode, id])
      if (!found) return null
      const { history, ...row } = found
      return { row, history: history.map((event) => ({ ...event, at: new Date(event.at) })) }
    },
    async look({ tenantId, mode }, id) {
      const text = `SELECT version, state, reason, released_at ${ONE}`
      const [row] = await run<SettlementLook>(text, [tenantId, mode, id])
      return row ?? null
    },
    sums({ tenantId, mode }, { from, to, step }, { pending, settled, failed }) {
      return run<PaymentSums>(SUMS, [tenantId, mode, from, to, step, pending, settled, failed])
    },
  }
}

type StoredEvent = Omit<SettlementEventRecord, 'at'> & { at: string }

const HISTORY = `SELECT COALESCE(json_agg(json_build_object('state', state, 'transition', transition, 'at', at,
    'transaction_hash', transaction_hash, 'block_number', block_number::text, 'reason', reason) ORDER BY version), '[]')
  FROM settlement_events AS events
  WHERE events.settlement_id = settlements.id AND events.tenant_id = $1 AND events.mode = $2`

/** Every hash ever broadcast for a settlement, and the one that paid it, which may be somebody else's. */
const hasTransaction = (hash: string) => `id IN (
  SELECT settlement_id FROM chain_attempts JOIN attempt_members USING (network, hash) WHERE chain_attempts.hash = ${hash}
  UNION SELECT settlement_id FROM settlement_events WHERE transition = 'preempt' AND transaction_hash = ${hash}
  UNION SELECT id FROM settlements WHERE ${OWNED} AND is_magic AND transaction_hash = ${hash})`

const CONDITIONS: { [Name in keyof SettlementFilters]-?: (value: string) => string } = {
  transaction: hasTransaction,
  payer: (value) => `payer = ${value}`,
  payTo: (value) => `pay_to = ${value}`,
  nonce: (value) => `nonce = ${value}`,
  network: (value) => `network = ${value}`,
  resource: (value) => `resource = ${value}`,
  paymentIdentifier: (value) => `payment_identifier = ${value}`,
  granted: (value) => `(granted_at IS NOT NULL) = ${value}::boolean`,
  states: (value) => `state = ANY(${value}::text[])`,
}

function listQuery({ filters, from, to, before, limit }: SettlementPage): { text: string; values: unknown[] } {
  const where = [OWNED]
  const values: unknown[] = []
  const bind = (value: unknown) => `$${values.push(value) + 2}`
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined) where.push(CONDITIONS[name as keyof SettlementFilters](bind(value)))
  }
  if (from) where.push(`created_at >= ${bind(from)}`)
  if (to) where.push(`created_at < ${bind(to)}`)
  if (before) where.push(`(created_at, id) < (${bind(new Date(before.atMs))}, ${bind(before.id)})`)
  const text = `SELECT ${COLUMNS} FROM settlements WHERE ${where.join(' AND ')}
    ORDER BY created_at DESC, id DESC LIMIT ${bind(limit)}`
  return { text, values }
}

const PENDING = 'FILTER (WHERE state = ANY($6::text[]))'
const SETTLED = 'FILTER (WHERE state = ANY($7::text[]))'
const FAILED = 'FILTER (WHERE state = ANY($8::text[]))'

const SUMS = `SELECT network, asset, date_trunc($5, created_at, 'UTC') AS bucket,
    count(*)::float8 AS count,
    count(*) ${PENDING}::float8 AS pending,
    count(*) ${SETTLED}::float8 AS settled,
    count(*) ${FAILED}::float8 AS failed,
    COALESCE(sum(amount) ${SETTLED}, 0)::text AS volume,
    count(DISTINCT payer) ${SETTLED}::float8 AS unique_payers
  FROM settlements WHERE ${OWNED} AND created_at >= $3 AND created_at < $4
  GROUP BY GROUPING SETS ((network, asset, bucket), (network, asset), ())
  ORDER BY network, asset, bucket`
