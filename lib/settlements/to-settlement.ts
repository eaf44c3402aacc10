import { checksummed } from '@/lib/core/checksummed'
import { formatUnits } from '@/lib/core/money'
import { SETTLEMENT_STATES, type SettlementState } from '@/lib/core/settlement-states'
import { networkById } from '@/lib/networks/find-network'
import type { SettlementEventRecord, SettlementRecord } from './settlement-reader'

/** What a seller's books need to know. `verified`: judged, and never sent to /settle, so no settlement has it. */
export type PaymentStatus = 'pending' | 'verified' | 'settled' | 'failed'

/** Our states in those four words. */
export const STATUS_OF: Readonly<Record<SettlementState, PaymentStatus>> = {
  queued: 'pending',
  broadcast: 'pending',
  reorged: 'pending',
  mined: 'settled',
  final: 'settled',
  settled_by_other: 'settled',
  failed: 'failed',
  expired: 'failed',
}

/** The states that one of the four words stands for. */
export function statesOf(status: PaymentStatus): SettlementState[] {
  return SETTLEMENT_STATES.filter((state) => STATUS_OF[state] === status)
}

/** The last second that RFC 3339 can write: an authorization may be valid for much longer. */
const LAST_SECOND = 253_402_300_799n

/** A row as the API shows it: addresses with their checksum, the amount also in tokens. */
export function toSettlement(row: SettlementRecord) {
  return {
    id: row.id,
    mode: row.mode,
    state: row.state,
    status: STATUS_OF[row.state],
    x402Version: row.x402_version,
    network: row.network,
    ...tokenAmount(row),
    payer: checksummed(row.payer),
    payTo: checksummed(row.pay_to),
    nonce: row.nonce,
    validBefore: timeText(row.valid_before),
    resource: row.resource,
    paymentIdentifier: row.payment_identifier,
    transaction: row.transaction_hash,
    blockNumber: row.block_number,
    position: row.position,
    reason: row.reason,
    message: row.message,
    released: row.released_at !== null,
    granted: row.granted_at !== null,
    grantedAt: row.granted_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    settledAt: row.settled_at?.toISOString() ?? null,
    keyId: row.key_id,
    requestId: row.request_id,
  }
}

/** One change of state as the API shows it. */
export function toHistory(event: SettlementEventRecord) {
  return {
    state: event.state,
    transition: event.transition,
    at: event.at.toISOString(),
    transaction: event.transaction_hash,
    blockNumber: event.block_number,
    reason: event.reason,
  }
}

/** A token, and an amount of it in atomic units and in tokens. */
export function tokenAmount({ network, asset, amount }: { network: string; asset: string; amount: string }) {
  const token = networkById(network)?.assets.find(({ address }) => address.toLowerCase() === asset)
  return {
    asset: checksummed(asset),
    symbol: token?.symbol ?? null,
    amount,
    amountTokens: token ? formatUnits(BigInt(amount), token.decimals) : null,
  }
}

function timeText(seconds: string): string {
  const shown = BigInt(seconds) < LAST_SECOND ? BigInt(seconds) : LAST_SECOND
  return new Date(Number(shown) * 1_000).toISOString()
}
