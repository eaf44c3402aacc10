import type { Pool } from 'pg'
import { Batcher } from '@/lib/core/batcher'
import { PAID_STATES } from '@/lib/core/settlement-states'
import type { PaymentKey, Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Claim, ClaimOutcome, Grant, OverBudget, SettlementStore } from '@/lib/settlements/settlement-store'
import { orUnavailable, requestQuery } from './pool'
import { keyText, SETTLEMENT_COLUMNS, type SettlementRow, toSettlement } from './settlement-row'
import { BUDGET_OF_ROW, CLAIM, changeOne, QUEUED_CHANNEL, RECORD_REFUSAL, SIGN_SECONDS } from './settlement-sql'

export type GasBudgets = { tenantWei: bigint; payerWei: bigint }

/** Requests that come together share a statement. */
const BATCHES = { most: 100, atOnce: 3 }

/** The settlements as web needs them. Looking up, claiming and granting are batched over all requests in flight. */
export function createSettlementStore(pool: Pool, budgets: GasBudgets): SettlementStore {
  const byKey = new Batcher((keys: PaymentKey[]) => findHeld(pool, keys), BATCHES)
  const byId = new Batcher((ids: SettlementId[]) => findAll(pool, ids), BATCHES)
  const claims = new Batcher((inputs: Claim[]) => claimAll(pool, budgets, inputs), BATCHES)
  const grants = new Batcher((inputs: Asked[]) => grantAll(pool, inputs), BATCHES)
  const change = async (text: string, id: SettlementId, version: number) =>
    (await orUnavailable(requestQuery(pool, text, [id, version]))).rowCount === 1

  return {
    findHeld: (key) => orUnavailable(byKey.ask(key)),
    find: (id) => orUnavailable(byId.ask(id)),
    claim: (claim) => orUnavailable(claims.ask(claim)),
    grant: (id, grant) => orUnavailable(grants.ask({ id, grant })),
    async recordRefusal(claim, { reason, message }) {
      const row = { ...toInput(claim), payment_key: null, state: 'failed', is_ready: false, reason, message }
      await orUnavailable(requestQuery(pool, RECORD_REFUSAL, [JSON.stringify([row])]))
    },
    async repeatGrant(id, requestId, keyHash) {
      return (await orUnavailable(requestQuery(pool, REPEAT_GRANT, [id, requestId, keyHash]))).rowCount === 1
    },
    async takeBackGrant(id, requestId) {
      await orUnavailable(requestQuery(pool, TAKE_BACK, [id, requestId]))
    },
    async retry(id, version) {
      const values = [id, budgets.tenantWei.toString(), budgets.payerWei.toString()]
      const { rows } = await orUnavailable(requestQuery<{ refusal: OverBudget | null }>(pool, BUDGET_OF_ROW, values))
      if (rows[0]?.refusal) return rows[0].refusal
      const isQueued = await change(RETRY, id, version)
      if (isQueued) await orUnavailable(requestQuery(pool, NOTIFY_QUEUED, [id]))
      return isQueued
    },
    releaseLate: (id, version) => change(RELEASE_LATE, id, version),
    playMagic: (id, version, transition) => change(MAGIC[transition], id, version),
    async rememberKey({ tenantId, mode, keyHash, fingerprint }) {
      const { rows } = await orUnavailable(
        requestQuery<{ fingerprint: string }>(pool, REMEMBER, [tenantId, mode, keyHash, fingerprint]),
      )
      return rows[0]?.fingerprint === fingerprint
    },
  }
}

type Asked = { id: SettlementId; grant: Grant }

async function findHeld(pool: Pool, keys: readonly PaymentKey[]): Promise<(Settlement | null)[]> {
  const { rows } = await requestQuery<SettlementRow & { payment_key: string }>(pool, FIND_HELD, [keys.map(keyText)])
  const found = new Map(rows.map((row) => [row.payment_key, toSettlement(row)]))
  return keys.map((key) => found.get(keyText(key)) ?? null)
}

async function findAll(pool: Pool, ids: readonly SettlementId[]): Promise<(Settlement | null)[]> {
  const { rows } = await requestQuery<SettlementRow>(pool, FIND, [ids])
  const found = new Map(rows.map((row) => [row.id, toSettlement(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

async function claimAll(pool: Pool, budgets: GasBudgets, claims: readonly Claim[]): Promise<ClaimOutcome[]> {
  const values = [JSON.stringify(claims.map(toInput)), budgets.tenantWei.toString(), budgets.payerWei.toString()]
  const { rows } = await requestQuery<{ id: string; outcome: ClaimOutcome }>(pool, CLAIM, values)
  const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]))
  return claims.map(({ id }) => outcomes.get(id) ?? 'held')
}

/** Two requests of one batch may ask for the same settlement: the first has it, or whoever had it before. */
async function grantAll(pool: Pool, asked: readonly Asked[]): Promise<boolean[]> {
  const first = new Map<string, Asked>()
  for (const one of asked) if (!first.has(one.id)) first.set(one.id, one)
  const ones = [...first.values()]
  const values = [
    ones.map(({ id }) => id),
    ones.map(({ grant }) => grant.requestId),
    ones.map(({ grant }) => grant.keyHash),
  ]
  const { rows } = await requestQuery<Granted>(pool, GRANT, values)
  const granted = new Map(rows.map(({ id, request }) => [id, request]))
  const others = asked.filter((one) => first.get(one.id) !== one && !granted.has(one.id)).map(({ id }) => id)
  const before = others.length > 0 ? (await requestQuery<Granted>(pool, GRANTED, [others])).rows : []
  for (const { id, request } of before) granted.set(id, request)
  return asked.map(({ id, grant }) => granted.get(id) === grant.requestId)
}

type Granted = { id: string; request: string | null }

function toInput(claim: Claim) {
  return {
    id: claim.id,
    tenant_id: claim.tenantId,
    mode: claim.mode,
    key_id: claim.keyId,
    request_id: claim.requestId,
    x402_version: claim.x402Version,
    network: claim.network,
    asset: claim.asset,
    payer: claim.payer,
    pay_to: claim.payTo,
    amount: claim.amount.toString(),
    nonce: claim.nonce,
    valid_after: claim.validAfter.toString(),
    valid_before: claim.validBefore.toString(),
    call_data: claim.callData,
    payment_key: keyText(claim) as string | null,
    requirements_hash: claim.requirementsHash,
    resource: claim.resource,
    payment_identifier: claim.paymentIdentifier,
    state: 'queued',
    reason: null as string | null,
    message: null as string | null,
    seen_unused_block: claim.seenUnusedBlock.toString(),
    is_magic: claim.isMagic,
    is_ready: !claim.isMagic,
    request: claim.request,
  }
}

const FIND_HELD = `SELECT ${SETTLEMENT_COLUMNS}, payment_key FROM settlements WHERE payment_key = ANY($1::text[])`
const FIND = `SELECT ${SETTLEMENT_COLUMNS} FROM settlements WHERE id = ANY($1::text[])`

/**
 * The same request may ask twice, for it may not have heard that it has the grant; it has it, whatever became of the
 * block since. By id, whatever the planner believes of the states: see `fromStates`.
 */
const GRANT = `UPDATE settlements SET granted_at = now(), granted_request = input.request, grant_key = input.key
  FROM unnest($1::text[], $2::text[], $3::text[]) AS input(id, request, key)
  WHERE settlements.id = input.id AND (granted_request = input.request
    OR (granted_at IS NULL AND state IN (${PAID_STATES.map((state) => `'${state}'`).join(', ')}))) IS TRUE
  RETURNING settlements.id, granted_request AS request`
const GRANTED = 'SELECT id, granted_request AS request FROM settlements WHERE id = ANY($1::text[])'

/** Whoever was granted before no longer takes it back, for this request answers it too. */
const REPEAT_GRANT = `UPDATE settlements SET granted_request = $2
  WHERE id = $1 AND grant_key = $3 AND granted_at IS NOT NULL`

const TAKE_BACK = `UPDATE settlements SET granted_at = NULL, granted_request = NULL, grant_key = NULL
  WHERE id = $1 AND granted_request = $2`

const RETRY = changeOne(
  `is_ready = true, reason = NULL, message = NULL, deadline = now() + interval '${SIGN_SECONDS} seconds', taken_until = NULL`,
  `state = 'failed' AND released_at IS NULL AND NOT is_ready AND NOT is_magic`,
  'retry',
)
const NOTIFY_QUEUED = `SELECT pg_notify('${QUEUED_CHANNEL}', network) FROM settlements WHERE id = $1`

const RELEASE_LATE = changeOne(
  `state = 'failed', payment_key = NULL, released_at = now(), is_ready = false, reason = 'settlement_unavailable',
   message = 'It was not signed in time. Nothing was sent, and nothing will be.'`,
  `state = 'queued' AND transaction_hash IS NULL`,
  'release',
)

/** A hash that nobody can take for a transaction's: no block has it. */
const MAGIC_HASH = `transaction_hash = '0x' || encode(sha256(convert_to(id, 'UTF8')), 'hex')`
const MAGIC = {
  sign: changeOne(`state = 'broadcast', ${MAGIC_HASH}`, `state = 'queued' AND is_magic`, 'sign'),
  mine: changeOne(`state = 'mined', settled_at = now()`, `state = 'broadcast' AND is_magic`, 'mine'),
  fail: changeOne(
    `state = 'failed', reason = 'invalid_exact_evm_transaction_failed', message = 'A magic payment of test mode: this is its outcome.'`,
    `state = 'broadcast' AND is_magic`,
    'fail',
  ),
}

/** A key that was there already keeps its fingerprint for 24 h. */
const REMEMBER = `INSERT INTO idempotency_keys AS kept (tenant_id, mode, key_hash, fingerprint) VALUES ($1, $2, $3, $4)
  ON CONFLICT (tenant_id, mode, key_hash) DO UPDATE SET
    fingerprint = CASE WHEN kept.created_at < now() - interval '24 hours' THEN excluded.fingerprint ELSE kept.fingerprint END,
    created_at = CASE WHEN kept.created_at < now() - interval '24 hours' THEN now() ELSE kept.created_at END
  RETURNING fingerprint`
