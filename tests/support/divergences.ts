import type { Divergence } from './divergence'
import { LEDGER_DIVERGENCES } from './divergences-ledger'
import { STATE_DIVERGENCES } from './divergences-states'
import { TRANSFER_DIVERGENCES } from './divergences-transfers'

/** Every way to differ that can be made from rows that are right. Each is to be found as its class, and as nothing else. */
export const DIVERGENCES: readonly Divergence[] = [...TRANSFER_DIVERGENCES, ...LEDGER_DIVERGENCES, ...STATE_DIVERGENCES]

export type { Divergence } from './divergence'
