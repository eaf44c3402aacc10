import type { Hex } from '@/lib/core/hex'
import type { Network } from './networks'

type ContractCall = { target: Hex; data: Hex }
export type ContractResult = { ok: boolean; data: Hex }

/**
 * What is asked of a chain. Every call throws `rpc_unavailable` when the chain cannot be read: an outage is
 * our failure and never says anything about a payment.
 */
export type ChainReader = {
  /**
   * Makes several calls upon one state, in order, in one eth_call: each sees what those before it changed, and none
   * can make the others fail. `gas` is the most that all of them together may use.
   */
  callMany(network: Network, calls: readonly ContractCall[], gas: number): Promise<ContractReads>
  hasCode(network: Network, address: Hex): Promise<boolean>
  /** What the RPCs that answer give as their chain ids; only those that give the network's own are ever believed. */
  chainIds(network: Network): Promise<readonly number[]>
  /** Throws when the chain could not be read now, with a message that may be shown to anybody. */
  check(network: Network): Promise<void>
}

export type ContractReads = {
  /** A block that is not later than the state read. */
  block: bigint
  results: readonly ContractResult[]
  /** The calls together wanted more than `gas`; then no result is `ok`. */
  ranOutOfGas: boolean
}
