import type { Reason } from './verdict'

/**
 * What a magic payer forces. They exist in test mode only and need neither chain nor signature, so that a client can
 * be tested against every outcome.
 */
export type MagicOutcome = {
  verify: 'valid' | 'rpc_unavailable' | Reason
  /** Where it is valid: what /settle makes of it. */
  settle?: 'settled' | 'pending_settled' | 'pending_failed'
}

/** The eight reserved payers. Nobody holds their keys; in live mode they are addresses like any other. */
export const MAGIC_PAYERS: Readonly<Record<string, MagicOutcome & { name: string }>> = {
  '0x4020000000000000000000000000000000000001': { name: 'valid', verify: 'valid', settle: 'settled' },
  '0x4020000000000000000000000000000000000002': {
    name: 'insufficient funds',
    verify: 'invalid_exact_evm_insufficient_balance',
  },
  '0x4020000000000000000000000000000000000003': {
    name: 'expired',
    verify: 'invalid_exact_evm_payload_authorization_valid_before',
  },
  '0x4020000000000000000000000000000000000004': {
    name: 'bad signature',
    verify: 'invalid_exact_evm_signature',
  },
  '0x4020000000000000000000000000000000000005': {
    name: 'nonce used',
    verify: 'invalid_exact_evm_nonce_already_used',
  },
  '0x4020000000000000000000000000000000000006': {
    name: 'pending, then settled',
    verify: 'valid',
    settle: 'pending_settled',
  },
  '0x4020000000000000000000000000000000000007': {
    name: 'pending, then failed',
    verify: 'valid',
    settle: 'pending_failed',
  },
  '0x4020000000000000000000000000000000000008': { name: 'RPC unavailable', verify: 'rpc_unavailable' },
}

/** What a payer forces; `payer` in lower case. Undefined for an ordinary one. */
export function findMagicOutcome(payer: string): MagicOutcome | undefined {
  return MAGIC_PAYERS[payer]
}
