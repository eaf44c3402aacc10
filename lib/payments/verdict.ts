/**
 * Every reason for which a payment is refused: a closed list. The strings are those of @x402/evm 2.27 and the x402
 * specification; the ones marked "ours" stand where neither has a word. docs/reasons.md explains each to a buyer.
 */
export const REASONS = [
  'invalid_x402_version',
  'unsupported_scheme',
  'invalid_network',
  'invalid_payload',
  'invalid_payment_requirements',
  'unsupported_payload_type',
  'invalid_exact_evm_scheme',
  'invalid_exact_evm_missing_eip712_domain',
  'invalid_exact_evm_network_mismatch',
  'accepted_requirements_mismatch', // ours
  'asset_not_listed', // ours
  'amount_below_minimum', // ours
  'eip6492_factory_not_allowed',
  'signature_not_canonical', // ours
  'invalid_exact_evm_signature',
  'invalid_exact_evm_recipient_mismatch',
  'invalid_exact_evm_payload_authorization_valid_before',
  'invalid_exact_evm_payload_authorization_valid_after',
  'invalid_exact_evm_authorization_value',
  'invalid_exact_evm_payload_authorization_value_mismatch',
  'invalid_exact_evm_eip3009_not_supported',
  'invalid_exact_evm_nonce_already_used',
  'invalid_exact_evm_token_name_mismatch',
  'invalid_exact_evm_token_version_mismatch',
  'invalid_exact_evm_insufficient_balance',
  'invalid_exact_evm_transaction_simulation_failed',
] as const

export type Reason = (typeof REASONS)[number]

/** Why a payment is refused: the reason for programs, the message for people, who learn the cause and the fix. */
export type Refusal = { reason: Reason; message: string }

export type Verdict = { valid: true; payer: string } | ({ valid: false; payer?: string | undefined } & Refusal)

/** A payment that is refused: why by the list, and what to do about it in words. */
export function refusal(reason: Reason, message: string): Refusal {
  return { reason, message }
}
