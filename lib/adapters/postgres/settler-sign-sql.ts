import { CHANGED_COLUMNS, fromStates, NOT_IN_OPEN, tell, toState } from './settler-events'

export const TAKE_NONCE = `UPDATE wallets SET next_nonce = next_nonce + 1
  WHERE network = $1 AND address = $2 AND lease_owner = $3 AND fence = $4 AND lease_until > now()
  RETURNING next_nonce - 1 AS nonce`
export const CHECK_FENCE = `SELECT 1 FROM wallets
  WHERE network = $1 AND address = $2 AND lease_owner = $3 AND fence = $4 AND lease_until > now() FOR UPDATE`

export const LOCK_ROWS = `SELECT settlements.id FROM settlements
  JOIN unnest($1::text[], $2::int[]) AS input(id, version) ON input.id = settlements.id AND input.version = settlements.version
  WHERE settlements.id = ANY($1::text[]) AND is_ready AND deadline > now() AND ${fromStates('sign')} AND ${NOT_IN_OPEN} ORDER BY settlements.id FOR UPDATE OF settlements`

/** Makes and locks the payers' rows, in one order for all, so that nobody waits in a circle. */
export const LOCK_FLIGHTS = `INSERT INTO payer_flights AS flight (network, asset, payer, in_flight)
  SELECT $1, asset, payer, 0 FROM unnest($2::text[], $3::text[]) AS input(asset, payer)
  ON CONFLICT (network, asset, payer) DO UPDATE SET in_flight = flight.in_flight
  RETURNING asset, payer, in_flight::text, decided_block::text`

export const ADD_FLIGHTS = `UPDATE payer_flights AS flight SET in_flight = in_flight + input.amount
  FROM unnest($2::text[], $3::text[], $4::numeric[]) AS input(asset, payer, amount)
  WHERE flight.network = $1 AND flight.asset = input.asset AND flight.payer = input.payer`

export const SIGN_ROWS = `WITH changed AS (
  UPDATE settlements SET state = ${toState('sign')}, version = version + 1, updated_at = now(), is_ready = false,
    taken_until = NULL, transaction_id = $2, transaction_hash = $3, reason = NULL, message = NULL
  WHERE id = ANY($1::text[]) RETURNING ${CHANGED_COLUMNS}
), ${tell('changed', 'sign')}
SELECT 1`

export const COPY_MEMBERS = `INSERT INTO attempt_members (network, hash, settlement_id)
  SELECT network, $3, settlement_id FROM attempt_members WHERE network = $1 AND hash = $2`

/** The answer to whoever asks meanwhile names the newest bytes; every older hash finds the row too. */
export const NAME_NEWEST = `UPDATE settlements SET transaction_hash = $2, updated_at = now()
  WHERE id IN (SELECT settlement_id FROM attempt_members JOIN chain_attempts USING (network, hash)
    WHERE chain_attempts.transaction_id = $1)
  AND transaction_id = $1 AND state = 'broadcast'`
