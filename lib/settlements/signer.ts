import type { Hex } from '@/lib/core/hex'

/** An EIP-1559 transaction as we send them: its value is always 0, and it has no access list. */
export type TransactionRequest = {
  chainId: number
  nonce: bigint
  to: Hex
  data: Hex
  gas: bigint
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
}

export type SignedTransaction = { raw: Hex; hash: Hex }

/** A wallet of ours. It signs what the policy of the network allows, and nothing else. */
export type TransactionSigner = {
  /** In lower case. */
  address: Hex
  /** @throws TransactionRefused when the policy does not allow it; any other error: the key could not be used now */
  sign(request: TransactionRequest): Promise<SignedTransaction>
}

export type DigestSignature = { r: Hex; s: Hex; yParity: 0 | 1 }

/** What a key does, wherever it lies: it signs 32 bytes, with a low s always. */
export type DigestSigner = {
  /** In lower case. */
  address: Hex
  sign(digest: Uint8Array): Promise<DigestSignature>
}
