import { RETURNED_UNITS } from './settlement-units'

/** Channels of LISTEN: rows that changed, and networks for which something is queued. */
export const CHANGED_CHANNEL = 'payproof_settlement_changed'
export const QUEUED_CHANNEL = 'payproof_settlement_queued'

/** A row must be signed within this, counted from its request. */
export const SIGN_SECONDS = 20

const INPUT = `json_to_recordset($1::json) AS input(id text, tenant_id text, mode text, key_id text, request_id text,
  x402_version smallint, network text, asset text, payer text, pay_to text, amount numeric, nonce text, valid_after numeric,
  valid_before numeric, call_data text, payment_key text, requirements_hash text, resource text, payment_identifier text,
  state text, reason text, message text, seen_unused_block bigint, is_magic boolean, is_ready boolean, request text)`

const COLUMNS = `id, tenant_id, mode, key_id, request_id, x402_version, network, asset, payer, pay_to, amount, nonce,
  valid_after, valid_before, call_data, payment_key, requirements_hash, resource, payment_identifier, state, reason, message,
  seen_unused_block, is_magic, is_ready`

const SPENT = `EXISTS (SELECT 1 FROM gas_spent WHERE bucket = date_trunc('day', now(), 'UTC')
  AND gas_spent.network = input.network AND scope =`

/** The budget of gas that a row of `input` would exceed. $2 and $3: the budgets of a tenant and of a payer. */
const OVER_BUDGET = `CASE
    WHEN is_magic THEN NULL
    WHEN ${SPENT} 'tenant' AND subject = input.tenant_id || ':' || input.mode AND wei >= $2::numeric) THEN 'tenant_gas'
    WHEN ${SPENT} 'payer' AND subject = input.payer AND wei >= $3::numeric) THEN 'payer_gas'
  END`

/** What fails on chain costs gas as well: it is sent again only as long as there is a budget for it. */
export const BUDGET_OF_ROW = `SELECT ${OVER_BUDGET} AS refusal FROM settlements AS input WHERE id = $1`

/**
 * Takes the payment keys that are free, each with its first event, in one statement. A key that is held, by a row of
 * this very statement too, stays with whoever has it.
 */
export const CLAIM = `
WITH judged AS (
  SELECT input.*, ${OVER_BUDGET} AS refusal FROM ${INPUT}
), claimed AS (
  INSERT INTO settlements (${COLUMNS}, request, deadline)
  SELECT ${COLUMNS}, request::json, now() + interval '${SIGN_SECONDS} seconds' FROM judged WHERE refusal IS NULL
  ON CONFLICT DO NOTHING RETURNING id, tenant_id, mode, network, is_ready
), told AS (
  INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state)
  SELECT id, tenant_id, mode, 0, 'claim', 'queued' FROM claimed
)
SELECT judged.id, COALESCE(refusal, CASE WHEN claimed.id IS NULL THEN 'held' ELSE 'claimed' END) AS outcome,
  (SELECT count(pg_notify('${QUEUED_CHANNEL}', network)) FROM (SELECT DISTINCT network FROM claimed WHERE is_ready) AS n)
FROM judged LEFT JOIN claimed USING (id)`

/** Keeps attempts that were refused before they could claim: they hold no key. */
export const RECORD_REFUSAL = `
WITH kept AS (
  INSERT INTO settlements (${COLUMNS}, request, deadline, released_at)
  SELECT ${COLUMNS}, request::json, now(), now() FROM ${INPUT} RETURNING id, tenant_id, mode, reason
)
INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state, reason)
SELECT id, tenant_id, mode, 0, 'refuse', 'failed', reason FROM kept`

/** A change by one row: its event in the same statement, and whoever waits is told. $1 id, $2 version. */
export function changeOne(set: string, where: string, transition: string): string {
  return `
WITH changed AS (
  UPDATE settlements SET version = version + 1, updated_at = now(), ${set}
  WHERE id = $1 AND version = $2 AND ${where}
  RETURNING id, tenant_id, mode, version, state, reason, transaction_hash, released_at
), ${RETURNED_UNITS}, told AS (
  INSERT INTO settlement_events (settlement_id, tenant_id, mode, version, transition, state, reason, transaction_hash)
  SELECT id, tenant_id, mode, version, '${transition}', state, reason, transaction_hash FROM changed
)
SELECT id, pg_notify('${CHANGED_CHANNEL}', id) FROM changed`
}
