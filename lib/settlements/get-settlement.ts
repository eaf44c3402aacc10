import { type Clock, SECOND_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { idTimeMs } from '@/lib/core/ids'
import type { SettlementId } from './settlement'
import type { SettlementLook, SettlementOwner, SettlementReader } from './settlement-reader'
import type { WaitForChange } from './settlement-store'
import { STATUS_OF, toHistory, toSettlement } from './to-settlement'

export type GetSettlementDeps = {
  now: Clock
  settlements: Pick<SettlementReader, 'findWithHistory' | 'look'>
  waitForChange: WaitForChange
  /** The process is about to end: nobody is kept waiting. */
  isStopping(): boolean
}

/** So often a row is read without being told of a change. */
const LOOK_MS = 1_000

/**
 * One settlement with every change of its state. Asked to wait, a row without an answer yet is shown when it has
 * changed, or as it is when the time is up.
 *
 * @throws AppError `resource_not_found`
 */
export async function getSettlement(
  deps: GetSettlementDeps,
  { owner, id, waitSeconds }: { owner: SettlementOwner; id: string; waitSeconds: number },
) {
  if (!isSettlementId(id)) throw notFound()
  if (waitSeconds > 0) await waitForAnswer(deps, owner, id, deps.now() + waitSeconds * SECOND_MS)
  const found = await deps.settlements.findWithHistory(owner, id)
  if (!found) throw notFound()
  return { ...toSettlement(found.row), history: found.history.map(toHistory) }
}

async function waitForAnswer(
  { now, settlements, waitForChange, isStopping }: GetSettlementDeps,
  owner: SettlementOwner,
  id: SettlementId,
  untilMs: number,
): Promise<void> {
  const first = await settlements.look(owner, id)
  if (!first || isAnswer(first)) return
  for (let leftMs = untilMs - now(); leftMs > 0 && !isStopping(); leftMs = untilMs - now()) {
    // A change between the look and the wait is not told, so no wait is long.
    await waitForChange(id, Math.min(leftMs, LOOK_MS))
    if ((await settlements.look(owner, id))?.version !== first.version) return
  }
}

/** Paid, failed, expired or released. A failed row without a reason waits to be sent again. */
function isAnswer({ state, reason, released_at }: SettlementLook): boolean {
  const isSentAgain = state === 'failed' && reason === null && released_at === null
  return STATUS_OF[state] !== 'pending' && !isSentAgain
}

function isSettlementId(id: string): id is SettlementId {
  return idTimeMs('settlement', id) !== null
}

function notFound(): AppError {
  return new AppError('resource_not_found', { message: 'There is no such settlement.' })
}
