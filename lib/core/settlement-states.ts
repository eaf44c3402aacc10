/** The public list of states. `success: true` is answered from `mined` on, at the network's confirmations. */
export const SETTLEMENT_STATES = [
  'queued',
  'broadcast',
  'mined',
  'final',
  'failed',
  'expired',
  'settled_by_other',
  'reorged',
] as const

export type SettlementState = (typeof SETTLEMENT_STATES)[number]

/** Every change there is, by name. A change that is not here cannot be written, and the crash tests stop at each. */
export const TRANSITIONS = {
  claim: { from: [], to: 'queued' },
  // Refused before it could claim: kept for audit, without a key.
  refuse: { from: [], to: 'failed' },
  // Nothing was signed, so the payment key is free again.
  release: { from: ['queued'], to: 'failed' },
  sign: { from: ['queued', 'broadcast', 'failed'], to: 'broadcast' },
  mine: { from: ['queued', 'broadcast', 'failed'], to: 'mined' },
  fail: { from: ['broadcast', 'failed'], to: 'failed' },
  // The same payment again, while its authorization is alive.
  retry: { from: ['failed'], to: 'failed' },
  preempt: { from: ['queued', 'broadcast', 'failed'], to: 'settled_by_other' },
  expire: { from: ['broadcast', 'failed'], to: 'expired' },
  finalize: { from: ['mined'], to: 'final' },
  // From final only where an operator's own chain fell back.
  reorg: { from: ['mined', 'final', 'settled_by_other'], to: 'reorged' },
  resume: { from: ['reorged'], to: 'broadcast' },
} as const satisfies Record<string, { from: readonly SettlementState[]; to: SettlementState }>

export type TransitionName = keyof typeof TRANSITIONS

/** The money has reached the seller. */
export const PAID_STATES: readonly SettlementState[] = ['mined', 'final', 'settled_by_other']

export function isPaid(state: SettlementState): boolean {
  return PAID_STATES.includes(state)
}
