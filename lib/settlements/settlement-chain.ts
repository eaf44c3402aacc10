import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'

/** One step of a simulation: a call made in order with the others, upon what those before it changed. */
export type SimulatedCall = {
  target: Hex
  data: Hex
  /** Whose code is looked at, after the call. */
  account: Hex
  /** The most that this call may use. */
  gas: bigint
}

export type SimulatedResult = {
  ok: boolean
  /** Gas the call used, its own only. */
  gasUsed: bigint
  /** The first word of what it returned; null when it returned less or failed. */
  word: bigint | null
  /** `account` has code. */
  hasCode: boolean
}

export type Log = { address: Hex; topics: readonly Hex[]; data: Hex; position: number }

export type Receipt = {
  transactionHash: Hex
  blockNumber: bigint
  blockHash: Hex
  succeeded: boolean
  gasUsed: bigint
  /** Wei, all of it: gas at its price and, on a rollup, the fee for the data. */
  feeWei: bigint
  /** In the order of the transaction; `position` counts within it. */
  logs: readonly Log[]
}

export type Block = { number: bigint; hash: Hex; timestampSeconds: number }

/** What became of a broadcast. Only `refused` says that no node has the transaction: anything else may still be mined. */
export type SendOutcome =
  | { kind: 'sent' }
  /** A node has it, or one with its nonce is mined already. */
  | { kind: 'known'; message: string }
  /** No answer, or one that says nothing. */
  | { kind: 'unknown'; message: string }
  /** Not taken, and it will not be as it is. */
  | { kind: 'refused'; cause: 'underpriced' | 'no_gas_money' | 'nonce_gap' | 'invalid'; message: string }

export type Fees = { baseFeeWei: bigint; tipWei: bigint }

type WalletState = {
  /** The nonce that the next mined transaction will have. */
  nonce: bigint
  balanceWei: bigint
}

/** The chain as settlement uses it. Every read throws `rpc_unavailable` when it cannot be had: never a wrong answer. */
export type SettlementChain = {
  /** Makes the calls one after the other upon the state of the newest block, in one eth_call. */
  simulate(
    network: Network,
    calls: readonly SimulatedCall[],
  ): Promise<{ block: bigint; results: readonly SimulatedResult[] }>
  /** Never throws: a failure to send is an outcome. */
  broadcast(network: Network, raw: Hex): Promise<SendOutcome>
  head(network: Network): Promise<Block>
  finalized(network: Network): Promise<Block>
  /** The canonical blocks of these numbers; null where there is none (yet). */
  blocks(network: Network, numbers: readonly bigint[]): Promise<readonly (Block | null)[]>
  /** Null: not mined, as far as the node knows. */
  receipts(network: Network, hashes: readonly Hex[]): Promise<readonly (Receipt | null)[]>
  /**
   * Hashes of the transactions in which the asset logged `AuthorizationUsed(payer, nonce)` from this block on. A node
   * that has not come to `throughBlock` yet is not believed.
   */
  authorizationUses(
    network: Network,
    input: { asset: Hex; payer: Hex; nonce: Hex; fromBlock: bigint; throughBlock?: bigint },
  ): Promise<readonly Hex[]>
  /** `authorizationState` of each, all at one block, which is named: the newest one or the newest finalized one. */
  authorizationStates(
    network: Network,
    authorizations: readonly { asset: Hex; payer: Hex; nonce: Hex }[],
    at: 'latest' | 'finalized',
  ): Promise<{ block: Block; used: readonly boolean[] }>
  walletState(network: Network, wallet: Hex): Promise<WalletState>
  /** How many transactions of a wallet are in the chain up to a final block, which is named: lower nonces are taken. */
  finalNonce(network: Network, wallet: Hex): Promise<{ nonce: bigint; block: Block }>
  fees(network: Network): Promise<Fees>
}
