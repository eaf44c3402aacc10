import type { Clock } from '@/lib/core/clock'
import { AppError, isAppError } from '@/lib/core/errors'
import type { SettlementTerms } from '@/lib/core/settlement-terms'
import type { Network } from '@/lib/networks/networks'
import { BOUND_ELSEWHERE, hashOfTerms, isBoundTo } from './binding'
import { queuedRow, toClaim } from './claim'
import { notKnown, wasAway } from './not-known'
import { gasBudgetExceeded, notSentAgain } from './over-budget'
import type { SettlementRefusal } from './reasons'
import type { Binding, Settlement, SignedTransfer } from './settlement'
import type { Claim, ClaimOutcome, SettlementStore, WaitForChange } from './settlement-store'
import { waitForOutcome } from './wait-for-outcome'

/** A payment as the payments domain opened it. */
export type OpenedPayment = {
  network: Network
  x402Version: 1 | 2
  transfer: Omit<SignedTransfer, 'network'>
  magic: 'settled' | 'pending_settled' | 'pending_failed' | null
}

export type SettlePaymentDeps = {
  now: Clock
  store: SettlementStore
  waitForChange: WaitForChange
  /** Every check of the payment now, chain included. @throws AppError `rpc_unavailable` */
  judge(): Promise<{ block: bigint | null } | SettlementRefusal>
  /** The newest block at which a logged /verify of this seller saw the authorization unused, under the same terms. */
  seenUnusedAt(payment: Binding & SignedTransfer): Promise<bigint | null>
  /** @throws AppError when the network takes no new payment: stopped, paused, without worker or gas */
  requireReady(network: Network): Promise<void>
  /** Takes one of the month's settlements, and gives it back. @throws AppError `quota_exceeded` */
  quota: { take(): Promise<void>; giveBack(): Promise<void> }
  waitMs: number
}

export type SettlePaymentInput = {
  tenantId: Binding['tenantId']
  mode: Binding['mode']
  keyId: string
  requestId: string
  /** Milliseconds since 1970 at which the request came in. */
  startedAt: number
  payment: OpenedPayment
  /** What the seller asks for, as it came. */
  requirements: unknown
  terms: SettlementTerms
  /** SHA-256 of the seller's Idempotency-Key. */
  keyHash: string | null
  resource: string | null
  paymentIdentifier: string | null
  request: string
  /** Whether the caller has hung up. */
  isGone(): boolean
}

export type SettleOutcome =
  | { kind: 'paid'; settlement: Settlement; isReplayed: boolean }
  | { kind: 'duplicate' | 'pending'; settlement: Settlement }
  | { kind: 'refused'; refusal: SettlementRefusal; settlement: Settlement | null }

/**
 * Settles one payment, once: whoever comes first claims its key, everybody else waits for that row.
 * A row that is there already is answered before any check of time, chain, quota or stop, so that a retry reaches its
 * own settlement whatever has changed since.
 *
 * @throws AppError `rpc_unavailable`, `network_paused`, `settlement_unavailable`, `gas_budget_exceeded`,
 *   `quota_exceeded`, `idempotency_key_reused`: nothing was sent; `database_unavailable`: the same request again tells
 */
export async function settlePayment(deps: SettlePaymentDeps, input: SettlePaymentInput): Promise<SettleOutcome> {
  const { payment, tenantId, mode } = input
  const owner = payment.magic ? { owner: `${tenantId}:${mode}` } : {}
  const transfer: SignedTransfer = { ...payment.transfer, ...owner, network: payment.network.id }
  const binding: Binding = { tenantId, mode, requirementsHash: hashOfTerms(input.requirements) }
  await rememberKey(deps, input, binding, transfer)
  const held = await deps.store.findHeld(transfer)
  if (held) return answerHeld(deps, input, held, { binding, transfer })

  await deps.requireReady(payment.network)
  const judged = await deps.judge()
  const claim = toClaim(input, { binding, transfer, nowMs: deps.now() })
  if ('reason' in judged) return refuse(deps, input, claim, judged)
  return claimAndWait(deps, input, { ...claim, seenUnusedBlock: judged.block ?? 0n })
}

async function claimAndWait(deps: SettlePaymentDeps, input: SettlePaymentInput, claim: Claim): Promise<SettleOutcome> {
  const row = await takeKey(deps, claim, input.startedAt + deps.waitMs)
  return row.id === claim.id
    ? wait(deps, input, row)
    : answerHeld(deps, input, row, { binding: claim, transfer: claim })
}

type Bound = { binding: Binding; transfer: SignedTransfer }

async function answerHeld(
  deps: SettlePaymentDeps,
  input: SettlePaymentInput,
  row: Settlement,
  { binding, transfer }: Bound,
): Promise<SettleOutcome> {
  if (!isBoundTo(row, binding, transfer)) return { kind: 'refused', refusal: BOUND_ELSEWHERE, settlement: null }
  // Without a reason it waits to be sent again already; where nothing new is sent now, it is answered as it stands.
  const isOver = row.state === 'failed' && row.reason !== null
  if (!isOver || !(await isReady(deps, input))) return wait(deps, input, row)
  // Its signature is public and still alive: the one thing that helps is the same payment again, in the same row.
  const judged = await deps.judge()
  // Used already, perhaps by whoever replayed it: the worker looks for the transaction, and whether that one paid.
  if ('reason' in judged && judged.reason !== 'invalid_exact_evm_nonce_already_used') {
    return { kind: 'refused', refusal: judged, settlement: row }
  }
  const queued = await deps.store.retry(row.id, row.version).catch(notKnown)
  // Where it has changed meanwhile, it is answered as it is now.
  const now = (await deps.store.find(row.id)) ?? row
  const isOverBudget = typeof queued === 'string' && now.version === row.version
  if (!isOverBudget) return wait(deps, input, now)
  // One that is used is looked up all the same: it is watched.
  return { kind: 'refused', refusal: 'reason' in judged ? judged : notSentAgain(now, queued), settlement: now }
}

function isReady({ requireReady }: SettlePaymentDeps, { payment }: SettlePaymentInput): Promise<boolean> {
  return requireReady(payment.network).then(
    () => true,
    (error: unknown) => {
      if (isAppError(error)) return false
      throw error
    },
  )
}

/**
 * A payment whose authorization is used may have been settled by a row that came while it was looked at; or by somebody
 * else since this seller's own /verify saw it unused: then the worker looks for the transaction that paid.
 */
async function refuse(
  deps: SettlePaymentDeps,
  input: SettlePaymentInput,
  claim: Claim,
  refusal: SettlementRefusal,
): Promise<SettleOutcome> {
  if (refusal.reason === 'invalid_exact_evm_nonce_already_used') {
    const held = await deps.store.findHeld(claim)
    if (held) return answerHeld(deps, input, held, { binding: claim, transfer: claim })
    const seenUnusedBlock = await deps.seenUnusedAt(claim)
    if (seenUnusedBlock !== null) return claimAndWait(deps, input, { ...claim, seenUnusedBlock })
  }
  await deps.store.recordRefusal(claim, refusal)
  return { kind: 'refused', refusal, settlement: null }
}

async function takeKey(deps: SettlePaymentDeps, claim: Claim, untilMs: number): Promise<Settlement> {
  await deps.quota.take()
  const outcome = await claimOf(deps, claim, untilMs)
  const row = outcome === 'claimed' ? queuedRow(claim, deps.now()) : await deps.store.findHeld(claim)
  if (row?.id !== claim.id) await deps.quota.giveBack()
  if (outcome === 'tenant_gas' || outcome === 'payer_gas') throw gasBudgetExceeded(outcome)
  // The row that held the key was released in this moment.
  if (!row) throw new AppError('settlement_unavailable', { retryAfterSeconds: 1 })
  return row
}

/** Where the answer to a claim is lost the row may be there: the same claim again is held by its own row then. */
async function claimOf(deps: SettlePaymentDeps, claim: Claim, untilMs: number): Promise<ClaimOutcome> {
  for (;;) {
    try {
      return await deps.store.claim(claim)
    } catch (error) {
      if (!wasAway(error) || deps.now() >= untilMs) return notKnown(error)
      await deps.waitForChange(claim.id, CLAIM_AGAIN_MS)
    }
  }
}
const CLAIM_AGAIN_MS = 500

async function wait(deps: SettlePaymentDeps, input: SettlePaymentInput, row: Settlement): Promise<SettleOutcome> {
  return waitForOutcome(deps, row, {
    untilMs: input.startedAt + deps.waitMs,
    // No chain makes a magic payment final.
    terms: input.payment.magic ? { ...input.terms, waitUntil: 'mined' } : input.terms,
    grant: { requestId: input.requestId, keyHash: input.keyHash },
    isGone: input.isGone,
    magic: input.payment.magic,
  })
}

async function rememberKey(
  { store }: SettlePaymentDeps,
  { keyHash }: SettlePaymentInput,
  { tenantId, mode, requirementsHash }: Binding,
  { network, asset, payer, nonce }: SignedTransfer,
): Promise<void> {
  if (keyHash === null) return
  const fingerprint = hashOfTerms([requirementsHash, network, asset, payer, nonce])
  if (!(await store.rememberKey({ tenantId, mode, keyHash, fingerprint }))) throw new AppError('idempotency_key_reused')
}
