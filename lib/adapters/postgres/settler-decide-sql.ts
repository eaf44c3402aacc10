import { CHANGED_COLUMNS, fromStates, tell, toState } from './settler-events'

export const DECIDE = `UPDATE chain_transactions SET state = 'decided', mined_hash = $2, block_number = $3, block_hash = $4,
  succeeded = $5, fee_wei = $6, decided_at = now() WHERE id = $1 AND state = 'open'`

export const OWN = `SELECT attempt.hash, tx.block_hash FROM chain_attempts AS attempt
  JOIN chain_transactions AS tx ON tx.id = attempt.transaction_id WHERE attempt.network = $1 AND attempt.hash = ANY($2::text[])`

/** A row may be found paid by a transaction that is final already: then that one is looked at once more. */
export const LOOK_AGAIN = `UPDATE chain_transactions SET is_final = false
  WHERE network = $1 AND mined_hash = ANY($2::text[]) AND is_final`

function payText(transition: 'mine' | 'preempt'): string {
  return `WITH input AS (
  SELECT * FROM unnest($2::text[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::numeric[])
    AS input(id, transaction_hash, position, block_number, block_hash, gas_wei)
), locked AS MATERIALIZED (
  -- Locked before it is judged: a row that another statement is just changing is looked at as it is afterwards.
  SELECT input.id, input.transaction_hash, input.position FROM input JOIN settlements USING (id)
  WHERE settlements.id = ANY($2::text[]) AND ${fromStates(transition)} AND released_at IS NULL ORDER BY input.id FOR UPDATE OF settlements
), free AS (
  INSERT INTO used_transfers (network, transaction_hash, position, settlement_id)
  SELECT $1, locked.transaction_hash, locked.position, locked.id FROM locked ON CONFLICT DO NOTHING RETURNING settlement_id
), changed AS (
  UPDATE settlements SET state = ${toState(transition)}, version = version + 1, updated_at = now(),
    settled_at = COALESCE(settled_at, now()), is_ready = false, taken_until = NULL, reason = NULL, message = NULL,
    transaction_hash = input.transaction_hash, position = input.position, block_number = input.block_number,
    block_hash = input.block_hash, gas_wei = settlements.gas_wei + input.gas_wei, transaction_id = COALESCE(
      (SELECT transaction_id FROM chain_attempts WHERE network = $1 AND hash = input.transaction_hash), settlements.transaction_id)
  FROM input JOIN free ON free.settlement_id = input.id WHERE settlements.id = input.id RETURNING ${CHANGED_COLUMNS}
), ${tell('changed', transition)}
SELECT id FROM changed`
}
export const PAY: Record<'mine' | 'preempt', string> = { mine: payText('mine'), preempt: payText('preempt') }

export const FAIL = `WITH changed AS (
  UPDATE settlements SET state = ${toState('fail')}, version = version + 1, updated_at = now(), is_ready = false,
    taken_until = NULL, reason = input.reason, message = input.message
  FROM unnest($1::text[], $2::text[], $3::text[]) AS input(id, reason, message)
  WHERE settlements.id = input.id AND transaction_id = $4 AND ${fromStates('fail')} RETURNING ${CHANGED_COLUMNS}
), ${tell('changed', 'fail')}
SELECT id FROM changed`

/** Back to those that wait, as long as the authorization lives: it was sent, and is somebody's to finish. */
export const AGAIN = `UPDATE settlements SET is_ready = true, is_alone = settlements.is_alone OR input.is_alone, taken_until = NULL,
  updated_at = now(), deadline = to_timestamp(LEAST(valid_before, 253402300799)::double precision)
  FROM unnest($1::text[], $2::boolean[]) AS input(id, is_alone)
  WHERE settlements.id = input.id AND transaction_id = $3 AND state = 'broadcast'`

/** Locked in the order in which signing locks them, so that nobody waits in a circle. */
export const LAND_FLIGHTS = `WITH input AS (
  SELECT asset, payer, sum(amount) AS amount FROM settlements WHERE id IN (SELECT settlement_id FROM attempt_members
    JOIN chain_attempts USING (network, hash) WHERE transaction_id = $2) GROUP BY asset, payer
), locked AS MATERIALIZED (
  SELECT flight.asset, flight.payer, input.amount FROM payer_flights AS flight JOIN input USING (asset, payer)
  WHERE flight.network = $1 ORDER BY flight.asset, flight.payer FOR UPDATE OF flight
)
UPDATE payer_flights AS flight
  SET in_flight = GREATEST(in_flight - locked.amount, 0), decided_block = GREATEST(decided_block, $3::bigint)
  FROM locked WHERE flight.network = $1 AND flight.asset = locked.asset AND flight.payer = locked.payer`

/** How often entries of these transactions were reversed: hardly ever, so that this finds nothing. */
export const REVERSED = `SELECT transaction_hash, position, block_hash, account, count(*)::int AS times FROM ledger_entries
  WHERE network = $1 AND transaction_hash = ANY($2::text[]) AND kind = 'reverse'
  GROUP BY transaction_hash, position, block_hash, account`

/** Twice the same entry can only be the same news twice. */
export const POST = `INSERT INTO ledger_entries
    (network, transaction_hash, position, block_number, block_hash, kind, turn, account, asset, amount, settlement_id)
  SELECT $2, transaction_hash, position, block_number, block_hash, 'post', turn, account, asset, amount, settlement_id
  FROM json_to_recordset($1::json) AS input(transaction_hash text, position int, block_number bigint, block_hash text,
    turn int, account text, asset text, amount numeric, settlement_id text)
  ON CONFLICT DO NOTHING`

export const SPEND = `INSERT INTO gas_spent AS spent (scope, subject, network, bucket, wei)
  SELECT scope, subject, $1, date_trunc(CASE scope WHEN 'wallet' THEN 'hour' ELSE 'day' END, now(), 'UTC'), sum(wei)
  FROM unnest($2::text[], $3::text[], $4::numeric[]) AS input(scope, subject, wei)
  GROUP BY scope, subject ORDER BY scope, subject
  ON CONFLICT (scope, subject, network, bucket) DO UPDATE SET wei = spent.wei + excluded.wei`
