import type { SettlementState } from '@/lib/core/settlement-states'
import { isBoundTo } from './binding'
import type { Binding, SignedTransfer } from './settlement'
import type { SettlementStore } from './settlement-store'

/** Nothing of ours is out there, or is any more: who used the authorization is not known, or it paid nobody. */
const MAY_BE_ANYBODYS: ReadonlySet<SettlementState> = new Set(['queued', 'failed', 'expired'])

/**
 * Whether a used authorization was used by a settlement for this very seller and these terms whose success nobody was
 * answered yet. Official sellers call /verify first, also before the /settle that will fetch that answer.
 */
export async function isPaidNotGranted(
  { store }: { store: Pick<SettlementStore, 'findHeld'> },
  { transfer, binding, acceptsOthers }: { transfer: SignedTransfer; binding: Binding; acceptsOthers: boolean },
): Promise<boolean> {
  const row = await store.findHeld(transfer)
  if (!row || row.grantedAt !== null || MAY_BE_ANYBODYS.has(row.state)) return false
  if (row.state === 'settled_by_other' && !acceptsOthers) return false
  return isBoundTo(row, binding, transfer)
}
