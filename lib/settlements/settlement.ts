import type { Hex } from '@/lib/core/hex'
import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { SettlementState } from '@/lib/core/settlement-states'

export type SettlementId = Id<'settlement'>

/**
 * What identifies a payment on a network for ever: EIP-3009 lets an authorizer use a nonce once per token. Magic
 * payments are on no chain and everybody sends the same ones, so there the `owner` is part of the key.
 */
export type PaymentKey = { network: string; asset: Hex; payer: Hex; nonce: Hex; owner?: string }

/** What the payer signed, with the contract call that carries it out. Times are unix seconds, hex in lower case. */
export type SignedTransfer = PaymentKey & {
  payTo: Hex
  /** Atomic units. */
  amount: bigint
  validAfter: bigint
  validBefore: bigint
  /** Calldata of the asset, `transferWithAuthorization`. */
  callData: Hex
}

/** For whom and under which terms a payment is settled. The same payment under other terms is refused. */
export type Binding = { tenantId: TenantId; mode: Mode; requirementsHash: string }

/** A transfer that paid: its key stays the same when its block changes, for a log's index counts within the block. */
export type MinedTransfer = {
  transactionHash: Hex
  /** Position of the `Transfer` log among the logs of its transaction. */
  position: number
  blockNumber: bigint
  blockHash: Hex
}

export type Settlement = SignedTransfer &
  Binding & {
    id: SettlementId
    x402Version: 1 | 2
    state: SettlementState
    /** Grows with every change; a change names the version it was made upon. */
    version: number
    /** Why it is failed, expired or released: a reason of the protocol, or `settlement_unavailable`. */
    reason: string | null
    message: string | null
    /** The authorization was seen unused at this block. */
    seenUnusedBlock: bigint
    /** The payment key is free again: nothing was signed, and nothing will be. */
    releasedAt: Date | null
    /** The newest attempt's while it is open, the mined one's afterwards. Null: nothing was signed. */
    transactionHash: Hex | null
    mined: MinedTransfer | null
    /** Settled by another, in a block that is final. */
    isOtherFinal: boolean
    grantedAt: Date | null
    /** SHA-256 of the Idempotency-Key of the request that was answered with success. */
    grantKey: string | null
    createdAt: Date
    settledAt: Date | null
  }
