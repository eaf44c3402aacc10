import { checksummed } from '@/lib/core/checksummed'
import type { SettlementRecord } from './settlement-reader'
import { STATUS_OF, tokenAmount } from './to-settlement'

/** A settlement as a seller's books show it: what was received, from whom, for what. */
export function toPayment(row: SettlementRecord) {
  const status = STATUS_OF[row.state]
  return {
    id: row.id,
    mode: row.mode,
    status,
    network: row.network,
    ...tokenAmount(row),
    payer: checksummed(row.payer),
    payTo: checksummed(row.pay_to),
    endpoint: row.resource,
    transaction: row.transaction_hash,
    errorReason: status === 'failed' ? row.reason : null,
    verifiedAt: row.created_at.toISOString(),
    settledAt: row.settled_at?.toISOString() ?? null,
  }
}
