import type { Hex } from '@/lib/core/hex'
import type { TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { SettlementState } from '@/lib/core/settlement-states'
import type { MinedTransfer, PaymentKey, Settlement, SettlementId } from '@/lib/settlements/settlement'

export const SETTLEMENT_COLUMNS = `id, tenant_id, mode, x402_version, network, asset, payer, pay_to, amount::text, nonce,
  valid_after::text, valid_before::text, call_data, requirements_hash, state, version, reason, message,
  seen_unused_block::text, released_at, transaction_hash, position, block_number::text, block_hash, is_final, granted_at, grant_key,
  created_at, settled_at`

/** A row as the database has it; big numbers as text. */
export type SettlementRow = {
  id: SettlementId
  tenant_id: TenantId
  mode: Mode
  x402_version: 1 | 2
  network: string
  asset: Hex
  payer: Hex
  pay_to: Hex
  amount: string
  nonce: Hex
  valid_after: string
  valid_before: string
  call_data: Hex
  requirements_hash: string
  state: SettlementState
  version: number
  reason: string | null
  message: string | null
  seen_unused_block: string
  released_at: Date | null
  transaction_hash: Hex | null
  position: number | null
  block_number: string | null
  block_hash: Hex | null
  is_final: boolean
  granted_at: Date | null
  grant_key: string | null
  created_at: Date
  settled_at: Date | null
}

export function toSettlement(row: SettlementRow): Settlement {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    mode: row.mode,
    x402Version: row.x402_version,
    network: row.network,
    asset: row.asset,
    payer: row.payer,
    payTo: row.pay_to,
    amount: BigInt(row.amount),
    nonce: row.nonce,
    validAfter: BigInt(row.valid_after),
    validBefore: BigInt(row.valid_before),
    callData: row.call_data,
    requirementsHash: row.requirements_hash,
    state: row.state,
    version: row.version,
    reason: row.reason,
    message: row.message,
    seenUnusedBlock: BigInt(row.seen_unused_block),
    releasedAt: row.released_at,
    transactionHash: row.transaction_hash,
    mined: toMined(row),
    isOtherFinal: row.is_final,
    grantedAt: row.granted_at,
    grantKey: row.grant_key,
    createdAt: row.created_at,
    settledAt: row.settled_at,
  }
}

/** The text that is unique while a payment's key is held; the nonce first, for it differs in its first bytes. */
export function keyText({ network, asset, payer, nonce, owner }: PaymentKey): string {
  return [nonce, payer, asset, network, ...(owner === undefined ? [] : [owner])].join('/')
}

function toMined({ transaction_hash, position, block_number, block_hash }: SettlementRow): MinedTransfer | null {
  if (transaction_hash === null || position === null || block_number === null || block_hash === null) return null
  return { transactionHash: transaction_hash, position, blockNumber: BigInt(block_number), blockHash: block_hash }
}
