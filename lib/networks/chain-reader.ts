import type { Hex } from '@/lib/core/hex'
import type { Network } from './networks'

type ContractCall = { target: Hex; data: Hex }
export type ContractResult = { ok: boolean; data: Hex }

/**
 * What the schemes need of a chain. Both calls throw `rpc_unavailable` when the chain cannot be read: an outage is
 * our failure and never says anything about a payment.
 */
export type ChainReader = {
  /**
   * Makes several calls upon one state, in order, in one eth_call: each sees what those before it changed, and none
   * can make the others fail. `gas` is the most that all of them together may use.
   */
  callMany(network: Network, calls: readonly ContractCall[], gas: number): Promise<ContractReads>
  hasCode(network: Network, address: Hex): Promise<boolean>
}

export type ContractReads = {
  /** A block that is not later than the state read. */
  block: bigint
  results: readonly ContractResult[]
  /** The calls together wanted more than `gas`; then no result is `ok`. */
  ranOutOfGas: boolean
}
