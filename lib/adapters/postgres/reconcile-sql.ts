import { SETTLEMENT_COLUMNS } from './settlement-row'

/** A page after an id ($2 to $5), or the rows of some ids ($2). Magic rows are of no chain. */
const IN_SPAN = `id > $2 AND ($3::timestamptz IS NULL OR created_at >= $3) AND ($4::timestamptz IS NULL OR created_at < $4)`
const PAGE = `${IN_SPAN} ORDER BY id LIMIT $5`
const OF_IDS = 'id = ANY($2::text[])'

const SETTLEMENTS = `SELECT ${SETTLEMENT_COLUMNS} FROM settlements WHERE network = $1 AND NOT is_magic AND`
export const SETTLEMENTS_PAGE = `${SETTLEMENTS} ${PAGE}`
export const SETTLEMENTS_OF_IDS = `${SETTLEMENTS} ${OF_IDS}`

const TRANSACTIONS = `SELECT id, wallet, nonce::text, state, mined_hash, block_number::text, block_hash, succeeded,
  fee_wei::text, created_at FROM chain_transactions WHERE network = $1 AND`
export const TRANSACTIONS_PAGE = `${TRANSACTIONS} ${PAGE}`
export const TRANSACTIONS_OF_IDS = `${TRANSACTIONS} ${OF_IDS}`

export const COUNT = `SELECT
  (SELECT count(*) FROM settlements WHERE network = $1 AND NOT is_magic AND ${IN_SPAN})::int AS settlements,
  (SELECT count(*) FROM chain_transactions WHERE network = $1 AND ${IN_SPAN})::int AS transactions`

export const NETWORKS = `SELECT network FROM settlements WHERE NOT is_magic GROUP BY 1
  UNION SELECT network FROM wallets UNION SELECT network FROM ledger_entries GROUP BY 1
  UNION SELECT network FROM used_transfers GROUP BY 1 ORDER BY 1`

export const USED = `SELECT settlement_id, transaction_hash, position FROM used_transfers WHERE settlement_id = ANY($1::text[])`

/** Who else has used the transfer that a paid row names. */
export const RIVALS = `SELECT s.id AS settlement_id, u.settlement_id AS rival FROM settlements s
  JOIN used_transfers u ON u.network = s.network AND u.transaction_hash = s.transaction_hash AND u.position = s.position
  WHERE s.id = ANY($1::text[]) AND u.settlement_id <> s.id AND s.state IN ('mined', 'final', 'settled_by_other')`

const ENTRY = `transaction_hash, position, block_number::text, block_hash, account, asset, amount::text, settlement_id`
export const ENTRIES = `SELECT ${ENTRY} FROM ledger_entries WHERE settlement_id = ANY($1::text[])`
export const GAS_ENTRIES = `SELECT a.transaction_id, ${ENTRY.replace('transaction_hash', 'e.transaction_hash')} FROM chain_attempts a
  JOIN ledger_entries e ON e.network = a.network AND e.transaction_hash = a.hash AND e.position = -1
  WHERE a.transaction_id = ANY($1::text[])`

export const EVENTS = `SELECT settlement_id, version, state, at FROM settlement_events
  WHERE settlement_id = ANY($1::text[]) ORDER BY settlement_id, version`
export const ATTEMPTS_OF_ROWS = `SELECT settlement_id, hash FROM attempt_members WHERE settlement_id = ANY($1::text[])`

export const MEMBERS = `SELECT a.transaction_id, a.hash, a.kind, m.settlement_id, s.tenant_id, s.asset, s.payer, s.nonce
  FROM chain_attempts a LEFT JOIN attempt_members m ON m.network = a.network AND m.hash = a.hash
  LEFT JOIN settlements s ON s.id = m.settlement_id WHERE a.transaction_id = ANY($1::text[])`
export const USED_POSITIONS = `SELECT t.id AS transaction_id, u.position FROM chain_transactions t
  JOIN used_transfers u ON u.network = t.network AND u.transaction_hash = t.mined_hash WHERE t.id = ANY($1::text[])`

const isGone = (table: string) => `NOT EXISTS (SELECT 1 FROM settlements s WHERE s.id = ${table}.settlement_id)`

export const MISSING_ROWS = `WITH traces AS (
    SELECT settlement_id, true AS used, false AS ledger, false AS member FROM used_transfers
    WHERE network = $1 AND ${isGone('used_transfers')}
  UNION ALL SELECT settlement_id, false, true, false FROM ledger_entries
    WHERE network = $1 AND settlement_id IS NOT NULL AND ${isGone('ledger_entries')}
  UNION ALL SELECT settlement_id, false, false, true FROM attempt_members
    WHERE network = $1 AND ${isGone('attempt_members')}
)
SELECT settlement_id, bool_or(used) AS used, bool_or(ledger) AS ledger, bool_or(member) AS member,
  EXISTS (SELECT 1 FROM settlement_events e WHERE e.settlement_id = traces.settlement_id) AS has_events
FROM traces GROUP BY settlement_id ORDER BY settlement_id`

export const STRAY_ENTRIES = `SELECT transaction_hash, position = -1 AS is_gas, array_agg(account ORDER BY id) AS accounts
  FROM ledger_entries e WHERE network = $1 AND settlement_id IS NULL AND (position <> -1 OR NOT EXISTS (
    SELECT 1 FROM chain_attempts a WHERE a.network = e.network AND a.hash = e.transaction_hash))
  GROUP BY 1, 2 ORDER BY 1, 2`

export const UNBALANCED = `SELECT asset, sum(amount)::text AS sum FROM ledger_entries WHERE network = $1
  GROUP BY asset HAVING sum(amount) <> 0 ORDER BY asset`

/** Idle is who has no settlement under way and is in no open transaction. */
export const IDLE_FLIGHTS = `WITH busy AS (
  SELECT asset, payer FROM settlements WHERE network = $1 AND state IN ('broadcast', 'reorged')
  UNION SELECT s.asset, s.payer FROM chain_transactions t
    JOIN chain_attempts a ON a.transaction_id = t.id
    JOIN attempt_members m ON m.network = a.network AND m.hash = a.hash
    JOIN settlements s ON s.id = m.settlement_id WHERE t.network = $1 AND t.state = 'open'
)
SELECT asset, payer, in_flight::text FROM payer_flights f WHERE network = $1
  AND (in_flight < 0 OR (in_flight > 0 AND NOT EXISTS (SELECT 1 FROM busy WHERE (busy.asset, busy.payer) = (f.asset, f.payer))))
ORDER BY asset, payer`

export const WALLETS = `SELECT address, next_nonce::text FROM wallets WHERE network = $1 ORDER BY address`
export const NONCES_FROM = `SELECT nonce::text FROM chain_transactions WHERE network = $1 AND wallet = $2 AND nonce >= $3`
