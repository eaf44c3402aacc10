import type { Clock } from '@/lib/core/clock'
import type { Hex } from '@/lib/core/hex'
import type { ChainReader } from '@/lib/networks/chain-reader'
import type { Asset, Network } from '@/lib/networks/networks'
import type { PaymentRequest } from './payment-request'
import type { Refusal } from './verdict'

export type PaymentMethodDeps = { now: Clock; chain: ChainReader }

export type OpenInput = {
  x402Version: 1 | 2
  network: Network
  request: PaymentRequest
  /** The token at this address, in lower case, when it is on our list. */
  findAsset(network: Network, address: Hex): Asset | null
}

/** What every payment has, whatever way it is signed. Hex in lower case, `amount` in atomic units. */
export type PaymentRecord = {
  payer: Hex
  payTo: Hex
  amount: bigint
  nonce: Hex
  asset: Asset | null
}

/** The contract call that carries a payment out. Hex in lower case, times unix seconds, `amount` atomic units. */
type Transfer = {
  asset: Hex
  payer: Hex
  payTo: Hex
  amount: bigint
  nonce: Hex
  validAfter: bigint
  validBefore: bigint
  callData: Hex
}

/** A payment that nothing is wrong with, and a block at which its authorization was still unused. */
export type Accepted = { block: bigint | null }

/** A well-formed payment of some method, ready to be judged. */
export type OpenedPayment = {
  record: PaymentRecord
  transfer(): Transfer
  /** The first of the seller's terms that is not met, or null; asks no chain. */
  checkTerms(): Refusal | null
  /** The whole judgement. @throws AppError `rpc_unavailable` */
  verify(deps: PaymentMethodDeps): Promise<Accepted | Refusal>
}

/** One way to sign a payment of a scheme: a folder of its own, and an entry in the table of `schemes.ts`. */
export type PaymentMethod = {
  scheme: string
  x402Versions: readonly (1 | 2)[]
  /** Whether a payload is of this method, by its shape. */
  owns(request: PaymentRequest, x402Version: 1 | 2): boolean
  open(input: OpenInput): OpenedPayment | Refusal
}
