/** What /settle can say beside the reasons of a verdict. The strings are those of @x402/evm 2.27; ours are marked. */
export const SETTLEMENT_REASONS = [
  'settlement_pending',
  'duplicate_settlement',
  'payment_bound_elsewhere', // ours
  'invalid_exact_evm_transaction_failed',
] as const

/** Why nothing is paid: the reason for programs (one of these, or one of a verdict), the message for people. */
export type SettlementRefusal = { reason: string; message: string }
