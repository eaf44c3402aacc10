import type { Hex } from '@/lib/core/hex'
import type { MinedTransfer, SettlementId } from './settlement'

export const NATIVE_ASSET = 'native'
/** Gas belongs to a whole transaction, and to none of its logs. */
export const GAS_POSITION = -1

/** One line of the double-entry ledger. The amounts of one transfer's lines add up to zero. */
export type LedgerEntry = Omit<MinedTransfer, 'position'> & {
  position: number
  account: string
  /** A token's address, or `native`. */
  asset: Hex | typeof NATIVE_ASSET
  /** Atomic units, or wei; negative where it leaves the account. */
  amount: bigint
  settlementId: SettlementId | null
}

type Paid = { id: SettlementId; tenantId: string; asset: Hex; payer: Hex; payTo: Hex; amount: bigint }

/** What a transfer moves: from the payer to the seller. */
export function transferEntries(paid: Paid, mined: MinedTransfer): LedgerEntry[] {
  const { asset, amount, id: settlementId } = paid
  const line = { ...mined, asset, settlementId }
  return [
    { ...line, account: `payer:${paid.payer}`, amount: -amount },
    { ...line, account: `seller:${paid.tenantId}:${paid.payTo}`, amount },
  ]
}

type Gas = Omit<MinedTransfer, 'position'> & { wallet: Hex; feeWei: bigint; shares: readonly GasShare[] }
export type GasShare = { tenantId: string; wei: bigint }

/** What a transaction cost: from the wallet to the tenants it was for, or to us when it was for none. */
export function gasEntries({ wallet, feeWei, shares, ...block }: Gas): LedgerEntry[] {
  const line = { ...block, position: GAS_POSITION, asset: NATIVE_ASSET, settlementId: null } as const
  const byTenant = new Map<string, bigint>()
  for (const { tenantId, wei } of shares) byTenant.set(tenantId, (byTenant.get(tenantId) ?? 0n) + wei)
  const takers = byTenant.size > 0 ? [...byTenant] : [['platform', feeWei] as const]
  return [
    { ...line, account: `wallet:${wallet}`, amount: -feeWei },
    ...takers.map(([taker, amount]) => ({ ...line, account: `gas:${taker}`, amount })),
  ]
}

/** Equal parts that add up to the whole; what cannot be divided goes to the first. */
export function shareEqually(whole: bigint, count: number): bigint[] {
  if (count === 0) return []
  const part = whole / BigInt(count)
  const rest = whole - part * BigInt(count)
  return Array.from({ length: count }, (_, index) => (index === 0 ? part + rest : part))
}
