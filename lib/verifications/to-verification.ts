import { checksummed } from '@/lib/core/checksummed'
import { formatUnits } from '@/lib/core/money'
import { networkById } from '@/lib/networks/find-network'
import type { VerificationRow } from './verification-store'

/** A row of the log as the API shows it: addresses with their checksum, the amount also in tokens. */
export function toVerification(row: VerificationRow) {
  const token = networkById(row.network ?? '')?.assets.find(({ address }) => address.toLowerCase() === row.asset)
  return {
    id: row.id,
    at: row.at.toISOString(),
    mode: row.mode,
    outcome: row.outcome,
    isValid: row.outcome === 'valid',
    reason: row.reason,
    x402Version: row.x402_version,
    network: row.network,
    asset: checksummed(row.asset),
    symbol: token?.symbol ?? null,
    payer: checksummed(row.payer),
    payTo: checksummed(row.pay_to),
    amount: row.amount,
    amountTokens: token && row.amount !== null ? formatUnits(BigInt(row.amount), token.decimals) : null,
    nonce: row.nonce,
    resource: row.resource,
    block: row.block,
    keyId: row.key_id,
    requestId: row.request_id,
    durationMs: row.duration_us / 1_000,
  }
}
