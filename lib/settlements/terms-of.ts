import type { SettlementTerms, WaitUntil } from '@/lib/core/settlement-terms'
import type { Network } from '@/lib/networks/networks'

/** An answer comes within 25 s; where a block is not final by then, each would be pending. */
const SOON_SECONDS = 20

/** What a request waits for, else what its tenant has chosen where that network is final soon. */
export function termsOf(
  { waitUntil, acceptsOthers }: SettlementTerms,
  asked: WaitUntil | null,
  { finalitySeconds }: Pick<Network, 'finalitySeconds'>,
): SettlementTerms {
  const chosen = finalitySeconds < SOON_SECONDS ? waitUntil : 'mined'
  return { waitUntil: asked ?? chosen, acceptsOthers }
}
