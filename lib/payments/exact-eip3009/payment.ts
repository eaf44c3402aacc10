import type { Hex } from '@/lib/core/hex'
import type { Asset, Network } from '@/lib/networks/networks'

/** An EIP-3009 authorization, well formed. Times are unix seconds, `value` atomic units, hex in lower case. */
export type Authorization = {
  from: Hex
  to: Hex
  value: bigint
  validAfter: bigint
  validBefore: bigint
  nonce: Hex
}

/** The terms of one payment, in the form that v1 and v2 share. */
export type Terms = { scheme: string; network: string; amount: bigint; asset: Hex; payTo: Hex }

export type ExactEip3009Payment = {
  x402Version: 1 | 2
  network: Network
  terms: Terms
  /** The EIP-712 domain that the seller named, by which the buyer signed. */
  domain: { name: string; version: string } | null
  /** What the buyer says to have accepted; in v1 only the scheme and the network. */
  accepted: Pick<Terms, 'scheme' | 'network'> & Partial<Terms>
  /** The token on our list, or null. */
  asset: Asset | null
  authorization: Authorization
  signature: Hex
  /** The payer's address as it was written, to be echoed. */
  payer: string
}
