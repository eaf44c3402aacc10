import type { Pool, PoolClient } from 'pg'
import type { TransitionName } from '@/lib/core/settlement-states'
import type { Settlement } from '@/lib/settlements/settlement'
import type { Unfinal } from '@/lib/settlements/settler-store'
import { CHANGED_COLUMNS, fromStates, notifyChanged, tell, toState } from './settler-events'
import { inTransaction } from './transaction'

/**
 * Takes back what a block that is gone had decided: rows go by `reorged` back to `broadcast`, each ledger entry gets its
 * opposite, transfers are free, and the payers' money is in flight again.
 */
export function reopen(pool: Pool, { transactionId, blockHash }: Unfinal): Promise<void> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<Gone>(REOPEN, [transactionId, blockHash])
    const [gone] = rows
    if (!gone) return
    const members = await client.query<{ id: string }>(MEMBERS, [transactionId, gone.mined_hash])
    const ids = members.rows.map(({ id }) => id)
    await takeBack(client, { network: gone.network, hash: gone.mined_hash, id: null })
    await rewind(client, ids, gone.mined_hash)
    await client.query(FLY_AGAIN, [transactionId])
    await client.query(UNSPEND, [gone.network, gone.wallet, gone.fee_wei])
    await notifyChanged(client, ids)
  })
}

type Gone = { network: string; wallet: string; mined_hash: string; block_hash: string; fee_wei: string }

/** The same for one that somebody else's transaction had paid. */
export function reopenOther(pool: Pool, { id, version }: Settlement): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ network: string; transaction_hash: string; block_hash: string }>(
      PAID_BY_OTHER,
      [id, version],
    )
    const [row] = rows
    if (!row) return false
    await takeBack(client, { network: row.network, hash: row.transaction_hash, id })
    await rewind(client, [id], null)
    // No bytes of ours may be open for it: then it waits to be signed.
    await client.query(WAIT_AGAIN, [id])
    await notifyChanged(client, [id])
    return true
  })
}

/** The ledger is append-only, so an entry is taken back by its opposite. */
async function takeBack(client: PoolClient, { network, hash, id }: Taken): Promise<void> {
  await client.query(REVERSE, [network, hash, id])
  await client.query(FREE, [network, hash, id])
}

/** Of one settlement, or of a whole transaction when there is no id. */
type Taken = { network: string; hash: string; id: string | null }

async function rewind(client: PoolClient, ids: readonly string[], hash: string | null): Promise<void> {
  await client.query(REORG, [ids])
  await client.query(RESUME, [ids, hash])
}

const PAID_BY_OTHER = `SELECT network, transaction_hash, block_hash FROM settlements
  WHERE id = $1 AND version = $2 AND state = 'settled_by_other' FOR UPDATE`

const REOPEN = `UPDATE chain_transactions AS tx SET state = 'open', mined_hash = NULL, block_number = NULL,
    block_hash = NULL, succeeded = NULL, fee_wei = NULL, decided_at = NULL, is_final = false
  FROM (SELECT * FROM chain_transactions WHERE id = $1 AND block_hash = $2 AND state = 'decided' FOR UPDATE) AS before
  WHERE tx.id = before.id
  RETURNING tx.network, tx.wallet, before.mined_hash, before.block_hash, before.fee_wei::text`

const MEMBERS = `SELECT id FROM settlements WHERE id IN (SELECT settlement_id FROM attempt_members
    JOIN chain_attempts USING (network, hash) WHERE chain_attempts.transaction_id = $1)
  AND transaction_id = $1 AND transaction_hash = $2 AND position IS NOT NULL
  ORDER BY id FOR UPDATE`

const REVERSE = `INSERT INTO ledger_entries
    (network, transaction_hash, position, block_number, block_hash, kind, turn, account, asset, amount, settlement_id)
  SELECT network, transaction_hash, position, block_number, block_hash, 'reverse', turn, account, asset, -amount, settlement_id
  FROM ledger_entries AS post WHERE network = $1 AND transaction_hash = $2 AND kind = 'post'
    AND ($3::text IS NULL OR settlement_id = $3)
    AND NOT EXISTS (SELECT 1 FROM ledger_entries AS reversed WHERE reversed.network = post.network
      AND reversed.transaction_hash = post.transaction_hash AND reversed.position = post.position
      AND reversed.block_hash = post.block_hash AND reversed.account = post.account AND reversed.turn = post.turn
      AND reversed.kind = 'reverse')`

const FREE = `DELETE FROM used_transfers WHERE network = $1 AND transaction_hash = $2
  AND ($3::text IS NULL OR settlement_id = $3)`

function change(transition: TransitionName, set: string): string {
  return `WITH changed AS (
  UPDATE settlements SET state = ${toState(transition)}, version = version + 1, updated_at = now()${set}
  WHERE id = ANY($1::text[]) AND ${fromStates(transition)} RETURNING ${CHANGED_COLUMNS}
), ${tell('changed', transition)}
SELECT id FROM changed`
}
const REORG = change('reorg', '')
const RESUME = change(
  'resume',
  ', position = NULL, block_number = NULL, block_hash = NULL, settled_at = NULL, is_final = false, transaction_hash = COALESCE($2::text, transaction_hash)',
)

const WAIT_AGAIN = `UPDATE settlements SET is_ready = true, taken_until = NULL,
    deadline = to_timestamp(LEAST(valid_before, 253402300799)::double precision)
  WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM chain_transactions WHERE id = settlements.transaction_id AND state = 'open')`

const FLY_AGAIN = `UPDATE payer_flights AS flight SET in_flight = in_flight + input.amount
  FROM (SELECT network, asset, payer, sum(amount) AS amount FROM settlements WHERE id IN (SELECT settlement_id
    FROM attempt_members JOIN chain_attempts USING (network, hash) WHERE transaction_id = $1)
    GROUP BY network, asset, payer) AS input
  WHERE flight.network = input.network AND flight.asset = input.asset AND flight.payer = input.payer`

const UNSPEND = `UPDATE gas_spent SET wei = GREATEST(wei - $3::numeric, 0)
  WHERE scope = 'wallet' AND network = $1 AND subject = $2 AND bucket = date_trunc('hour', now(), 'UTC')`
