import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { Attempt, OpenTransaction, SettlerStore, TransactionId, Unfinal } from '@/lib/settlements/settler-store'
import { decide, payOne } from './settler-decide'
import { CHANGED_COLUMNS, fromStates, notifyChanged, tell, toState } from './settler-events'
import { reopen, reopenOther } from './settler-reopen'
import { createSettlerRows } from './settler-rows'
import { addAttempt, sign } from './settler-sign'
import { inTransaction } from './transaction'

/** A lease outlives three renewals that fail. */
const LEASE_SECONDS = 15

/** The settlements as the worker needs them. */
export function createSettlerStore(pool: Pool): SettlerStore {
  return {
    ...createSettlerRows(pool),
    async registerWallet(network, wallet, chainNonce) {
      await pool.query(REGISTER, [network, wallet, chainNonce])
    },
    async lease(network, wallet, owner) {
      const { rows } = await pool.query<{ fence: string }>(LEASE, [network, wallet, owner])
      return rows[0] ? { network, wallet, owner, fence: BigInt(rows[0].fence) } : null
    },
    async release({ network, wallet, owner, fence }) {
      await pool.query(RELEASE, [network, wallet, owner, fence])
    },
    sign: (input) => sign(pool, input),
    addAttempt: (lease, transaction, attempt) => addAttempt(pool, lease, transaction, attempt),
    openTransactions: (network, wallet, known) => openTransactions(pool, network, wallet, known),
    decide: (decision) => decide(pool, decision),
    preempt: (row, transfer, entries) => payOne(pool, row, transfer, entries),
    finalize: (decided) => finalize(pool, decided),
    reopen: (decided) => reopen(pool, decided),
    reopenOther: (row) => reopenOther(pool, row),
    async spentThisHour(network, wallet) {
      const { rows } = await pool.query<{ wei: string }>(SPENT, [network, wallet])
      return BigInt(rows[0]?.wei ?? 0)
    },
    async queueState(network, stuckSeconds) {
      const { rows } = await pool.query<QueueRow>(QUEUE, [network, stuckSeconds])
      const row = rows[0] as QueueRow
      return {
        waiting: Number(row.waiting),
        oldestSeconds: Number(row.oldest),
        open: Number(row.open),
        oldestOpenSeconds: Number(row.oldest_open),
        stuckNonces: row.stuck,
      }
    },
    async report(network, report) {
      await pool.query(REPORT, [network, report.problem === null, JSON.stringify(report)])
    },
  }
}

type QueueRow = { waiting: string; oldest: string; open: string; oldest_open: string; stuck: string[] }

async function openTransactions(
  pool: Pool,
  network: string,
  wallet: Hex,
  known: ReadonlyMap<TransactionId, OpenTransaction>,
): Promise<OpenTransaction[]> {
  const { rows } = await pool.query<{ id: TransactionId; nonce: string; created_at: Date; attempts: string }>(OPEN, [
    network,
    wallet,
  ])
  const isNew = (row: (typeof rows)[number]) => known.get(row.id)?.attempts.length !== Number(row.attempts)
  const attempts = await attemptsOf(
    pool,
    rows.filter(isNew).map(({ id }) => id),
  )
  return rows.map((row) => {
    const found = attempts.get(row.id)
    const before = known.get(row.id)
    if (!found && before) return before
    return { id: row.id, network, wallet, nonce: BigInt(row.nonce), attempts: found ?? [], createdAt: row.created_at }
  })
}

type AttemptRow = {
  transaction_id: TransactionId
  hash: Hex
  kind: 'settle' | 'cancel'
  raw: Hex
  gas: string
  max_fee_wei: string
  tip_wei: string
  created_at: Date
}

async function attemptsOf(pool: Pool, ids: readonly TransactionId[]): Promise<Map<TransactionId, Attempt[]>> {
  const attempts = new Map<TransactionId, Attempt[]>()
  if (ids.length === 0) return attempts
  const { rows } = await pool.query<AttemptRow>(ATTEMPTS, [ids])
  for (const row of rows) {
    const list = attempts.get(row.transaction_id) ?? []
    attempts.set(row.transaction_id, [
      ...list,
      {
        hash: row.hash,
        raw: row.raw,
        kind: row.kind,
        gas: BigInt(row.gas),
        maxFeeWei: BigInt(row.max_fee_wei),
        tipWei: BigInt(row.tip_wei),
        createdAt: row.created_at,
      },
    ])
  }
  return attempts
}

function finalize(pool: Pool, decided: readonly Unfinal[]): Promise<number> {
  return inTransaction(pool, async (client) => {
    const marked = await client.query<{ id: string }>(MARK_FINAL, [
      decided.map(({ transactionId }) => transactionId),
      decided.map(({ blockHash }) => blockHash),
    ])
    const { rows } = await client.query<{ id: string }>(FINALIZE, [marked.rows.map(({ id }) => id)])
    await notifyChanged(
      client,
      rows.map(({ id }) => id),
    )
    return rows.length
  })
}

/** A nonce that the chain has used already is never allocated again. */
const REGISTER = `INSERT INTO wallets AS wallet (network, address, next_nonce) VALUES ($1, $2, $3)
  ON CONFLICT (network, address) DO UPDATE SET next_nonce = GREATEST(wallet.next_nonce, excluded.next_nonce)`

const LEASE = `UPDATE wallets SET lease_until = now() + interval '${LEASE_SECONDS} seconds', lease_owner = $3,
    fence = CASE WHEN lease_owner = $3 AND lease_until > now() THEN fence ELSE fence + 1 END
  WHERE network = $1 AND address = $2 AND (lease_owner = $3 OR lease_until IS NULL OR lease_until <= now())
  RETURNING fence::text`
/** Columns of milliseconds round: what is rounded up would still be held by its last owner. */
const RELEASE = `UPDATE wallets SET lease_until = date_trunc('milliseconds', now()) WHERE network = $1 AND address = $2 AND lease_owner = $3 AND fence = $4`

const OPEN = `SELECT tx.id, tx.nonce::text, tx.created_at, count(attempt.hash)::text AS attempts
  FROM chain_transactions AS tx JOIN chain_attempts AS attempt ON attempt.transaction_id = tx.id
  WHERE tx.network = $1 AND tx.wallet = $2 AND tx.state = 'open' GROUP BY tx.id ORDER BY tx.nonce`
const ATTEMPTS = `SELECT transaction_id, hash, kind, raw, gas::text, max_fee_wei::text, tip_wei::text, created_at
  FROM chain_attempts WHERE transaction_id = ANY($1::text[]) ORDER BY created_at, max_fee_wei`

const MARK_FINAL = `UPDATE chain_transactions AS tx SET is_final = true
  FROM unnest($1::text[], $2::text[]) AS input(id, block_hash)
  WHERE tx.id = input.id AND tx.block_hash = input.block_hash AND tx.state = 'decided' RETURNING tx.id`
const FINALIZE = `WITH changed AS (
  UPDATE settlements SET state = ${toState('finalize')}, version = version + 1, updated_at = now()
  WHERE id IN (SELECT settlement_id FROM attempt_members JOIN chain_attempts USING (network, hash)
    WHERE chain_attempts.transaction_id = ANY($1::text[]))
    AND settlements.transaction_id = ANY($1::text[]) AND ${fromStates('finalize')} RETURNING ${CHANGED_COLUMNS}
), ${tell('changed', 'finalize')}
SELECT id FROM changed`

const SPENT = `SELECT wei::text FROM gas_spent WHERE scope = 'wallet' AND network = $1 AND subject = $2
  AND bucket = date_trunc('hour', now(), 'UTC')`

/**
 * How long the first in line has waited since it was queued last: a retry of days later has waited for seconds. That it
 * is read in the order of its index clears the index of all that has left the queue, which taking rows does not.
 */
const QUEUE = `SELECT
    (SELECT count(*) FROM settlements WHERE network = $1 AND is_ready) AS waiting,
    (SELECT COALESCE(EXTRACT(epoch FROM now() - min(updated_at)), 0) FROM (SELECT updated_at FROM settlements
      WHERE network = $1 AND is_ready ORDER BY created_at LIMIT 1) AS first) AS oldest,
    (SELECT count(*) FROM chain_transactions WHERE network = $1 AND state = 'open') AS open,
    (SELECT COALESCE(EXTRACT(epoch FROM now() - min(created_at)), 0) FROM chain_transactions
      WHERE network = $1 AND state = 'open') AS oldest_open,
    ARRAY(SELECT wallet || ':' || nonce FROM chain_transactions WHERE network = $1 AND state = 'open'
      AND created_at < now() - $2::int * interval '1 second' ORDER BY wallet, nonce LIMIT 100) AS stuck`

/** Listed as long as it was able within five minutes; listed again after one minute of being able. */
const REPORT = `INSERT INTO network_reports AS before (network, able_since, unable_since, reported_at, report)
  VALUES ($1, CASE WHEN $2 THEN now() END, CASE WHEN NOT $2 THEN now() END, now(), $3)
  ON CONFLICT (network) DO UPDATE SET reported_at = now(), report = excluded.report,
    able_since = CASE WHEN $2 THEN COALESCE(before.able_since, now()) END,
    unable_since = CASE WHEN NOT $2 THEN COALESCE(before.unable_since, now()) END,
    is_listed = CASE
      WHEN NOT $2 AND before.unable_since < now() - interval '5 minutes' THEN false
      WHEN $2 AND before.able_since < now() - interval '1 minute' THEN true
      ELSE before.is_listed END`
