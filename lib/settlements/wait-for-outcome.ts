import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { isPaid } from '@/lib/core/settlement-states'
import type { SettlementTerms } from '@/lib/core/settlement-terms'
import { notKnown, wasAway } from './not-known'
import { playMagic } from './play-magic'
import type { SettlementRefusal } from './reasons'
import type { OpenedPayment, SettleOutcome } from './settle-payment'
import type { Settlement } from './settlement'
import type { Grant, SettlementStore, WaitForChange } from './settlement-store'

type WaitDeps = { now: Clock; store: SettlementStore; waitForChange: WaitForChange }

type Waiting = {
  /** Milliseconds since 1970: then the answer is given, whatever is known. */
  untilMs: number
  terms: SettlementTerms
  grant: Grant
  /** Whether the caller has hung up. */
  isGone(): boolean
  magic: OpenedPayment['magic']
}

/** So often a row is read without being told of a change. */
const LOOK_MS = 1_000

/**
 * Waits until a row has an outcome, and grants it once. While the database is away it waits on: the row goes its way
 * without this process.
 *
 * @throws AppError `settlement_unavailable` for a row that was released unsigned: nothing was sent, nothing will be
 */
export async function waitForOutcome(deps: WaitDeps, row: Settlement, waiting: Waiting): Promise<SettleOutcome> {
  const leftMs = () => waiting.untilMs - deps.now()
  const change = () => deps.waitForChange(row.id, Math.max(Math.min(leftMs(), LOOK_MS), 0))
  let changed: Promise<void> | null = null
  for (let current = row; ; ) {
    const outcome = await outcomeOf(deps, current, waiting)
    if (outcome) return outcome
    if (leftMs() <= 0) return late(deps, current)
    if (await isPlayedPending(deps, current, waiting)) return { kind: 'pending', settlement: await look(deps, current) }
    // Nobody but such a request changes a magic one.
    if (waiting.magic === null) await (changed ?? change())
    // Listens before it looks, so that no change is missed between the two.
    changed = change()
    current = await look(deps, current)
  }
}

/** The row as it is now, or as it was seen last. */
async function look({ store }: WaitDeps, row: Settlement): Promise<Settlement> {
  try {
    return (await store.find(row.id)) ?? row
  } catch (error) {
    if (!wasAway(error)) throw error
    return row
  }
}

async function isPlayedPending(deps: WaitDeps, row: Settlement, { magic }: Waiting): Promise<boolean> {
  return magic !== null && playMagic(deps, row, magic)
}

async function outcomeOf(deps: WaitDeps, row: Settlement, waiting: Waiting): Promise<SettleOutcome | null> {
  if (row.releasedAt) return released(row)
  if (isPaid(row.state)) return paid(deps, row, waiting)
  // A failed row that waits to be sent again has no reason any more.
  if (row.state === 'failed' && row.reason === null) return null
  if (row.state === 'failed' || row.state === 'expired') {
    return { kind: 'refused', refusal: refusalOf(row), settlement: row }
  }
  return null
}

/** What is granted already stays so, whatever the tenant has chosen since. */
async function paid(deps: WaitDeps, row: Settlement, waiting: Waiting): Promise<SettleOutcome | null> {
  const { waitUntil, acceptsOthers } = waiting.terms
  if (row.state === 'settled_by_other' && !acceptsOthers && row.grantedAt === null) {
    return { kind: 'refused', refusal: NOT_ACCEPTED, settlement: row }
  }
  const isTooEarly = waitUntil === 'final' && !isFinal(row) && row.grantedAt === null
  return isTooEarly ? null : granted(deps, row, waiting)
}

const NOT_ACCEPTED: SettlementRefusal = {
  reason: 'invalid_exact_evm_nonce_already_used',
  message:
    'Somebody else settled this payment, and this account does not accept that: another service may have served it.',
}

function isFinal({ state, isOtherFinal }: Settlement): boolean {
  return state === 'final' || (state === 'settled_by_other' && isOtherFinal)
}

async function granted(deps: WaitDeps, row: Settlement, waiting: Waiting): Promise<SettleOutcome> {
  // Nobody reads what is answered now: the grant is for whoever asks next.
  if (waiting.isGone()) return { kind: 'pending', settlement: row }
  if (row.grantedAt === null && (await isGranted(deps, row, waiting))) {
    return { kind: 'paid', settlement: row, isReplayed: false }
  }
  const { requestId, keyHash } = waiting.grant
  const isRepeated = keyHash !== null && (await deps.store.repeatGrant(row.id, requestId, keyHash).catch(notKnown))
  return isRepeated ? { kind: 'paid', settlement: row, isReplayed: true } : { kind: 'duplicate', settlement: row }
}

/**
 * Where the database's answer is lost the grant may be written. The same request asks again, and has what it has; when
 * its time is up the grant is taken back, for its success is not answered.
 */
async function isGranted(deps: WaitDeps, { id }: Settlement, { grant, untilMs }: Waiting): Promise<boolean> {
  for (;;) {
    try {
      return await deps.store.grant(id, grant)
    } catch (error) {
      if (!wasAway(error) || deps.now() >= untilMs) {
        // When this fails too, the row stays granted: it is denied rather than granted twice, and the caller hears why.
        await deps.store.takeBackGrant(id, grant.requestId).catch(() => undefined)
        return notKnown(error)
      }
      await deps.waitForChange(id, LOOK_MS)
    }
  }
}

/** The time is up. Only stored bytes and their hash make a pending answer; a row without them is freed for good. */
async function late(deps: WaitDeps, row: Settlement): Promise<SettleOutcome> {
  const isFree = row.transactionHash === null && (await deps.store.releaseLate(row.id, row.version).catch(notKnown))
  if (isFree) throw unavailable()
  // Without a hash it was perhaps signed in this moment: only the row itself can say that it was not.
  const isUnsure = row.transactionHash === null
  const now = isUnsure ? ((await deps.store.find(row.id).catch(notKnown)) ?? row) : await look(deps, row)
  if (now.releasedAt) return released(now)
  if (now.transactionHash === null) throw unavailable()
  return { kind: 'pending', settlement: now }
}

function released(row: Settlement): SettleOutcome {
  if (row.reason === null || row.reason === 'settlement_unavailable') throw unavailable()
  return { kind: 'refused', refusal: refusalOf(row), settlement: row }
}

function refusalOf({ reason, message }: Settlement): SettlementRefusal {
  return {
    reason: reason ?? 'invalid_exact_evm_transaction_failed',
    message: message ?? 'The payment was not made.',
  }
}

function unavailable(): AppError {
  return new AppError('settlement_unavailable', { retryAfterSeconds: 5 })
}
