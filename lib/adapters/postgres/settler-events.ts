import type { PoolClient } from 'pg'
import { TRANSITIONS, type TransitionName } from '@/lib/core/settlement-states'
import { CHANGED_CHANNEL } from './settlement-sql'

/**
 * The states from which a change may be made, as SQL. `IS TRUE` keeps the planner from looking rows up by their state:
 * a change knows their ids, and without statistics it would take the states for the rarer thing.
 */
export function fromStates(transition: TransitionName): string {
  return `(settlements.state IN (${TRANSITIONS[transition].from.map((state) => `'${state}'`).join(', ')})) IS TRUE`
}

export function toState(transition: TransitionName): string {
  return `'${TRANSITIONS[transition].to}'`
}

/** A row enters another nonce only when its own is decided: a reorganisation can open that one again. */
export const NOT_IN_OPEN = `NOT EXISTS (SELECT 1 FROM chain_transactions AS own
  WHERE own.id = settlements.transaction_id AND own.state = 'open')`

/** Writes the outbox rows of a change, and tells whoever waits when the transaction is committed. `changed` is a CTE. */
export function tell(changed: string, transition: TransitionName): string {
  return `told AS (
  INSERT INTO settlement_events
    (settlement_id, tenant_id, mode, version, transition, state, reason, transaction_hash, block_number)
  SELECT id, tenant_id, mode, version, '${transition}', state, reason, transaction_hash, block_number FROM ${changed}
)`
}

export const CHANGED_COLUMNS = `settlements.id, settlements.tenant_id, settlements.mode, settlements.version,
  settlements.state, settlements.reason, settlements.transaction_hash, settlements.block_number`

/** Ids are told in few notices, for a notice takes at most 8,000 bytes. */
const IDS_IN_A_NOTICE = 200

export async function notifyChanged(client: Pick<PoolClient, 'query'>, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += IDS_IN_A_NOTICE) {
    const payload = ids.slice(start, start + IDS_IN_A_NOTICE).join(',')
    await client.query('SELECT pg_notify($1, $2)', [CHANGED_CHANNEL, payload])
  }
}
