import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { seenUnusedByReleased } from '@/lib/adapters/postgres/seen-unused'
import { createWaiters, Listener } from '@/lib/adapters/postgres/settlement-listener'
import { CHANGED_CHANNEL } from '@/lib/adapters/postgres/settlement-sql'
import { createSettlementStore } from '@/lib/adapters/postgres/settlement-store'
import { createSettlementUnits } from '@/lib/adapters/postgres/settlement-units'
import { readSettlingState } from '@/lib/adapters/postgres/settling-state'
import type { CallerRecord } from '@/lib/api-keys/caller-record'
import { toSettleResponse } from '@/lib/contracts/settle-response'
import { cleanResource } from '@/lib/core/clean-resource'
import { SECOND_MS } from '@/lib/core/clock'
import type { Env } from '@/lib/env'
import type { Context, Reply } from '@/lib/http/endpoint'
import type { Network } from '@/lib/networks/networks'
import { type PaymentRequest, resourceOf } from '@/lib/payments/payment-request'
import type { Verdict } from '@/lib/payments/verdict'
import {
  type Dispatched,
  judgePayment,
  openPayment,
  unknownFacts,
  type VerifyPaymentDeps,
} from '@/lib/payments/verify-payment'
import { hashOfTerms } from '@/lib/settlements/binding'
import { isPaidNotGranted } from '@/lib/settlements/is-paid-not-granted'
import { createReadiness, type Readiness } from '@/lib/settlements/readiness'
import { type SettleOutcome, settlePayment } from '@/lib/settlements/settle-payment'
import type { Binding, SettlementId, SignedTransfer } from '@/lib/settlements/settlement'
import type { SettlementStore, WaitForChange } from '@/lib/settlements/settlement-store'
import { type SettlementUnits, settlementQuota } from '@/lib/settlements/take-settlement-unit'
import { termsOf } from '@/lib/settlements/terms-of'
import { currentPeriod } from '@/lib/usage/limits'
import type { VerificationStore } from '@/lib/verifications/verification-store'

type Deps = {
  settings: Env
  publicUrl: string
  pool: Pool
  payments: VerifyPaymentDeps
  verifications: Pick<VerificationStore, 'seenUnused'>
  onProblem(message: string, cause: unknown): void
}
type SettleContext = Context<CallerRecord, PaymentRequest, unknown>

type Parts = Deps & {
  store: SettlementStore
  units: SettlementUnits
  readiness: Readiness
  waitForChange: WaitForChange
}

/** The part of the services that settles: web takes the request and waits, the worker does it. */
export function createSettlements(deps: Deps) {
  const { settings, pool, onProblem } = deps
  const budgets = { tenantWei: settings.X402_GAS_BUDGET_TENANT_WEI, payerWei: settings.X402_GAS_BUDGET_PAYER_WEI }
  const { waitForChange, heard } = createWaiters()
  const listener = new Listener({ url: settings.DATABASE_URL ?? '', channel: CHANGED_CHANNEL, heard })
  const isDisabled = settings.X402_PAYMENTS_DISABLED === 'true'
  const readiness = createReadiness({ read: () => readSettlingState(pool), isDisabled, onProblem })
  const store = createSettlementStore(pool, budgets)
  const parts: Parts = { ...deps, store, units: createSettlementUnits(pool), readiness, waitForChange }
  return {
    readiness,
    waitForChange,
    /** As health tells of it. */
    settling: () => ({ ...readiness.state(), isDisabled }),
    settle: (context: SettleContext) => settle(parts, context),
    orOwnSettlement: (caller: CallerRecord, body: PaymentRequest, verify: () => Promise<Verdict>) =>
      orOwnSettlement(parts, { caller, body }, verify),
    async start(): Promise<void> {
      listener.start()
      await readiness.start()
    },
    async stop(): Promise<void> {
      readiness.stop()
      await listener.stop()
    },
  }
}

async function settle(parts: Parts, context: SettleContext): Promise<Reply> {
  const { publicUrl, payments } = parts
  const { body, requestId } = context
  const outcome = await outcomeOf(parts, context)
  const network = body.paymentRequirements.network ?? ''
  const payer = body.paymentPayload.payload?.authorization?.from ?? undefined
  const answer = toSettleResponse(outcome, { network, payer, publicUrl, nowMs: payments.now() })
  if (outcome.kind !== 'paid') return { body: answer }
  // Whoever was answered first may have served it: a repeat that does not arrive is repeated once more.
  if (outcome.isReplayed) return { body: answer, headers: { 'Idempotent-Replayed': 'true' } }
  const onUnsent = () => void takeBack(parts, outcome.settlement.id, requestId)
  return { body: answer, onUnsent }
}

/** Tried again for some seconds: a grant that nobody heard of and nobody has is a sale that is lost. */
async function takeBack({ store, onProblem }: Parts, id: SettlementId, requestId: string): Promise<void> {
  for (let left = TAKE_BACK_TRIES; left > 0; left--) {
    try {
      return await store.takeBackGrant(id, requestId)
    } catch (error) {
      if (left === 1) onProblem('a grant was not taken back', error)
      else await sleep(SECOND_MS)
    }
  }
}
const TAKE_BACK_TRIES = 10

async function outcomeOf(parts: Parts, context: SettleContext): Promise<SettleOutcome> {
  const { settings, pool, payments, verifications, store, units, readiness, waitForChange } = parts
  const opened = open(parts, context)
  if ('reason' in opened) return { kind: 'refused', refusal: opened, settlement: null }
  const deps = {
    ...{ now: payments.now, store, waitForChange, waitMs: settings.X402_SETTLE_WAIT_MS },
    judge: () => judgePayment(payments, opened),
    seenUnusedAt: async (payment: Binding & SignedTransfer) =>
      (await seenUnusedByVerify(verifications, payment)) ?? seenUnusedByReleased(pool, payment),
    requireReady: (network: Network) => (opened.magic ? Promise.resolve() : readiness.requireReady(network)),
    quota: settlementQuota(units, context.caller, currentPeriod(context.caller, context.startedAt).start),
  }
  return settlePayment(deps, toInput(context, opened))
}

/** Of a /verify under the same terms: what was looked at for another sale says nothing of this one. */
async function seenUnusedByVerify(
  verifications: Deps['verifications'],
  payment: Binding & SignedTransfer,
): Promise<bigint | null> {
  const seen = await verifications.seenUnused(payment, payment)
  const termsOfRequest = (request: string) => (JSON.parse(request) as PaymentRequest).paymentRequirements
  const found = seen.find(({ request }) => hashOfTerms(termsOfRequest(request)) === payment.requirementsHash)
  return found?.block ?? null
}

type Asked = Pick<SettleContext, 'caller' | 'body'>

/** A verdict, mended where what used the authorization was this seller's own settlement. */
async function orOwnSettlement(parts: Parts, asked: Asked, verify: () => Promise<Verdict>): Promise<Verdict> {
  const verdict = await verify()
  if (verdict.valid || verdict.reason !== 'invalid_exact_evm_nonce_already_used') return verdict
  const opened = open(parts, asked)
  if ('reason' in opened || opened.magic) return verdict
  const transfer = transferOf(opened)
  const binding = { ...asked.caller, requirementsHash: hashOfTerms(asked.body.paymentRequirements) }
  const isOwed = await isPaidNotGranted({ store: parts.store }, { transfer, binding, ...asked.caller })
  return isOwed ? { valid: true, payer: verdict.payer ?? transfer.payer } : verdict
}

function open({ payments }: Parts, { caller, body }: Asked) {
  return openPayment(payments, { mode: caller.mode, request: body }, unknownFacts())
}

function transferOf({ payment, network }: Dispatched) {
  return { ...payment.transfer(), network: network.id }
}

function toInput(context: SettleContext, opened: Dispatched) {
  const { caller, body, bodyText, requestId, startedAt, idempotencyKey, isGone } = context
  const { network, x402Version, payment, magic } = opened
  return {
    tenantId: caller.tenantId,
    mode: caller.mode,
    keyId: caller.keyId,
    requestId,
    startedAt,
    payment: { network, x402Version, transfer: payment.transfer(), magic: magic ? (magic.settle ?? 'settled') : null },
    requirements: body.paymentRequirements,
    terms: termsOf(caller, body.waitUntil ?? null, network),
    keyHash: idempotencyKey === null ? null : createHash('sha256').update(idempotencyKey).digest('base64url'),
    resource: cleanResource(resourceOf(body)),
    paymentIdentifier: paymentIdentifierOf(body),
    request: bodyText,
    isGone,
  }
}

/** The buyer's own id of the purchase (x402 extension `payment-identifier`), when it is one. */
function paymentIdentifierOf({ paymentPayload }: PaymentRequest): string | null {
  const extensions = paymentPayload.extensions as Record<string, { info?: { id?: unknown } } | null> | null | undefined
  const id = extensions?.['payment-identifier']?.info?.id
  return typeof id === 'string' && /^[A-Za-z0-9_-]{16,128}$/.test(id) ? id : null
}
