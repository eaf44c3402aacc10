import type { Clock } from '@/lib/core/clock'
import type { OpenedPayment } from './settle-payment'
import type { Settlement } from './settlement'
import type { SettlementStore } from './settlement-store'

/** How long a magic payment that is pending stays so. */
const PENDING_MS = 2_000

/**
 * Plays a magic settlement of test mode, which no chain knows.
 *
 * @returns true when the answer to this request is that it is pending
 */
export async function playMagic(
  { now, store }: { now: Clock; store: SettlementStore },
  { id, version, state, createdAt }: Settlement,
  magic: NonNullable<OpenedPayment['magic']>,
): Promise<boolean> {
  if (state === 'queued') {
    await store.playMagic(id, version, 'sign')
    return magic.startsWith('pending')
  }
  if (state !== 'broadcast') return false
  if (magic.startsWith('pending') && now() - createdAt.getTime() < PENDING_MS) return true
  await store.playMagic(id, version, magic.endsWith('failed') ? 'fail' : 'mine')
  return false
}
