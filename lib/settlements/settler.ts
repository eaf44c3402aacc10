import type { Clock } from '@/lib/core/clock'
import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import type { SettlementChain } from './settlement-chain'
import type { SettlerStore } from './settler-store'
import type { TransactionSigner } from './signer'

/** What every part of the worker's settling stands on. */
export type SettlerDeps = {
  now: Clock
  chain: SettlementChain
  store: SettlerStore
  /** One call that makes several, each allowed to fail. */
  encodeBatch(calls: readonly { target: Hex; data: Hex }[]): { to: Hex; data: Hex }
  onProblem(message: string, details: Record<string, unknown>): void
}

export type WalletDeps = SettlerDeps & { network: Network; signer: TransactionSigner; limits: GasLimits }

export type GasLimits = {
  /** Wei per gas that a transaction may cost at most. */
  feeCapWei: bigint
  /** Wei that a wallet may spend within an hour. */
  walletHourWei: bigint
}
