import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { TransitionName } from '@/lib/core/settlement-states'
import type { SettlementRefusal } from '@/lib/settlements/reasons'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Member, Ready, TransactionId, Unfinal } from '@/lib/settlements/settler-store'
import { SETTLEMENT_COLUMNS, type SettlementRow, toSettlement } from './settlement-row'
import { CHANGED_CHANNEL } from './settlement-sql'
import { RETURNED_UNITS } from './settlement-units'
import { CHANGED_COLUMNS, fromStates, NOT_IN_OPEN, tell, toState } from './settler-events'

const TAKE_SECONDS = 10

/** The rows of settlements as the worker takes and changes them, one by one or many together. */
export function createSettlerRows(pool: Pool) {
  const select = async (text: string, values: unknown[]): Promise<Settlement[]> =>
    (await pool.query<SettlementRow>(text, values)).rows.map(toSettlement)
  const change = async (text: string, { id, version }: Settlement, ...more: unknown[]): Promise<boolean> =>
    (await pool.query(text, [id, version, ...more])).rowCount === 1

  return {
    async takeReady(network: string, most: number): Promise<Ready[]> {
      const { rows } = await pool.query<SettlementRow & { is_alone: boolean }>(TAKE_READY, [network, most])
      // What an UPDATE returns has no order.
      return rows.map((row) => ({ ...toSettlement(row), isAlone: row.is_alone })).sort(byAge)
    },
    async putBack(ids: readonly SettlementId[], afterMs: number): Promise<void> {
      await pool.query(PUT_BACK, [ids, afterMs])
    },
    /** Only a row that was never signed frees its key. */
    refuse: (row: Settlement, { reason, message }: SettlementRefusal): Promise<boolean> =>
      change(row.state === 'queued' ? RELEASE : REFUSE, row, reason, message),
    async membersOf(transactionId: TransactionId): Promise<Member[]> {
      const { rows } = await pool.query<SettlementRow & { entered: string }>(MEMBERS, [transactionId])
      return rows.map((row) => ({ ...toSettlement(row), entered: Number(row.entered) }))
    },
    expire: (row: Settlement): Promise<boolean> => change(EXPIRE, row),
    async watched(network: string, most: number): Promise<Settlement[]> {
      const rows = await select(WATCHED, [network, most])
      // There may be more of them than are looked at: these go to the end of the line.
      if (rows.length === most) await pool.query(LOOKED_AT, [rows.map(({ id }) => id)])
      return rows
    },
    async seenUnused(ids: readonly SettlementId[], block: bigint): Promise<void> {
      await pool.query(SEEN_UNUSED, [ids, block])
    },
    async releaseOverdue(network: string): Promise<number> {
      const { rows } = await pool.query<{ id: string }>(RELEASE_OVERDUE, [network])
      return rows.length
    },
    unfinalOthers: (network: string, most: number, fromBlock?: bigint) =>
      select(UNFINAL_OTHERS, [network, most, fromBlock ?? null]),
    finalizeOther: (row: Settlement): Promise<boolean> => change(FINAL_OTHER, row),
    async unfinal(network: string, most: number): Promise<Unfinal[]> {
      return (await pool.query<UnfinalRow>(UNFINAL, [network, most])).rows.map(toUnfinal)
    },
    async decidedFrom(network: string, wallet: Hex, nonce: bigint): Promise<Unfinal[]> {
      return (await pool.query<UnfinalRow>(DECIDED_FROM, [network, wallet, nonce])).rows.map(toUnfinal)
    },
  }
}

type UnfinalRow = { id: TransactionId; block_number: string; block_hash: Hex }

function toUnfinal({ id, block_number, block_hash }: UnfinalRow): Unfinal {
  return { transactionId: id, blockNumber: BigInt(block_number), blockHash: block_hash }
}

/** The oldest, for they become final next; and the newest, for those a reorganisation takes. */
const UNFINAL = `SELECT id, block_number::text, block_hash FROM chain_transactions WHERE id IN (
    (SELECT id FROM chain_transactions WHERE network = $1 AND state = 'decided' AND NOT is_final
      ORDER BY block_number LIMIT $2)
    UNION
    (SELECT id FROM chain_transactions WHERE network = $1 AND state = 'decided' AND NOT is_final
      ORDER BY block_number DESC LIMIT $2)
  ) ORDER BY block_number`
const DECIDED_FROM = `SELECT id, block_number::text, block_hash FROM chain_transactions
  WHERE network = $1 AND wallet = $2 AND nonce >= $3 AND state = 'decided' ORDER BY nonce`

function byAge(one: Settlement, other: Settlement): number {
  return one.createdAt.getTime() - other.createdAt.getTime() || (one.id < other.id ? -1 : 1)
}

const TAKE_READY = `UPDATE settlements SET taken_until = now() + interval '${TAKE_SECONDS} seconds'
  WHERE id IN (SELECT id FROM settlements WHERE network = $1 AND is_ready AND deadline > now()
    AND (taken_until IS NULL OR taken_until < now()) AND ${NOT_IN_OPEN} ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
  RETURNING ${SETTLEMENT_COLUMNS}, is_alone`

const PUT_BACK = `UPDATE settlements SET taken_until = now() + $2::int * interval '1 millisecond'
  WHERE id = ANY($1::text[]) AND is_ready`

function one(transition: TransitionName, set: string, where = 'true'): string {
  return `WITH changed AS (
  UPDATE settlements SET state = ${toState(transition)}, version = version + 1, updated_at = now(), ${set}
  WHERE id = $1 AND version = $2 AND ${fromStates(transition)} AND ${where} RETURNING ${CHANGED_COLUMNS}, released_at
), ${RETURNED_UNITS}, ${tell('changed', transition)}
SELECT id, pg_notify('${CHANGED_CHANNEL}', id) FROM changed`
}

const RELEASE = one(
  'release',
  'payment_key = NULL, released_at = now(), is_ready = false, taken_until = NULL, reason = $3, message = $4',
)
const REFUSE = one('fail', 'is_ready = false, taken_until = NULL, reason = $3, message = $4')
/** Never while a transaction of ours that holds it may still change: after a reorganisation that one may have paid. */
const EXPIRE = one(
  'expire',
  `is_ready = false, reason = COALESCE(reason, 'invalid_exact_evm_payload_authorization_valid_before'),
   message = 'This payment was not made, and its authorization can never be used any more.'`,
  `NOT EXISTS (SELECT 1 FROM attempt_members AS member JOIN chain_attempts AS attempt USING (network, hash)
    JOIN chain_transactions AS tx ON tx.id = attempt.transaction_id
    WHERE member.settlement_id = settlements.id AND NOT tx.is_final)`,
)

const MEMBERS = `SELECT ${SETTLEMENT_COLUMNS},
    (SELECT count(DISTINCT attempt.transaction_id) FROM attempt_members
      JOIN chain_attempts AS attempt USING (network, hash) WHERE settlement_id = settlements.id)::text AS entered
  FROM settlements WHERE id IN (SELECT settlement_id FROM attempt_members JOIN chain_attempts USING (network, hash)
    WHERE transaction_id = $1) AND state IN ('queued', 'broadcast', 'failed') ORDER BY created_at, id`

/** What failed on chain, for its signature is public; what waits to be signed again is the queue's. */
const WATCHED = `SELECT ${SETTLEMENT_COLUMNS} FROM settlements WHERE network = $1 AND state = 'failed'
  AND released_at IS NULL AND NOT is_ready AND NOT is_magic ORDER BY updated_at LIMIT $2`

const SEEN_UNUSED = `UPDATE settlements SET seen_unused_block = $2
  WHERE id = ANY($1::text[]) AND state = 'failed' AND seen_unused_block < $2`

const LOOKED_AT = `UPDATE settlements SET updated_at = now() WHERE id = ANY($1::text[]) AND state = 'failed'`

/** The first were never signed; the others go back to being watched. */
const RELEASE_OVERDUE = `WITH overdue AS (
  SELECT id FROM settlements WHERE network = $1 AND is_ready AND deadline <= now() ORDER BY id FOR UPDATE SKIP LOCKED
), changed AS (
  UPDATE settlements SET state = 'failed', version = version + 1, updated_at = now(), is_ready = false, taken_until = NULL,
    payment_key = CASE WHEN state = 'queued' THEN NULL ELSE payment_key END,
    released_at = CASE WHEN state = 'queued' THEN now() END,
    reason = CASE WHEN state = 'queued' THEN 'settlement_unavailable' ELSE 'invalid_exact_evm_transaction_failed' END,
    message = CASE WHEN state = 'queued' THEN 'It was not signed in time. Nothing was sent, and nothing will be.'
      ELSE 'It was not sent again in time.' END
  FROM overdue WHERE settlements.id = overdue.id RETURNING ${CHANGED_COLUMNS}, released_at
), ${RETURNED_UNITS}, told AS (
  INSERT INTO settlement_events
    (settlement_id, tenant_id, mode, version, transition, state, reason, transaction_hash, block_number)
  SELECT id, tenant_id, mode, version, CASE WHEN released_at IS NULL THEN 'fail' ELSE 'release' END, state, reason,
    transaction_hash, block_number FROM changed
)
SELECT id, pg_notify('${CHANGED_CHANNEL}', id) FROM changed`

/** They stay what they are when their block is final. */
const OTHERS = `FROM settlements WHERE network = $1 AND state = 'settled_by_other'
  AND (NOT is_final OR block_number >= $3::bigint) ORDER BY block_number`
const UNFINAL_OTHERS = `SELECT ${SETTLEMENT_COLUMNS} FROM settlements WHERE id IN (
    (SELECT id ${OTHERS} LIMIT $2) UNION (SELECT id ${OTHERS} DESC LIMIT $2)
  ) ORDER BY block_number`
const FINAL_OTHER = `UPDATE settlements SET is_final = true WHERE id = $1 AND version = $2 AND state = 'settled_by_other'
  RETURNING id, pg_notify('${CHANGED_CHANNEL}', id)`
