import { serializeTransaction } from 'viem'
import { type Hex, lowerHex } from '@/lib/core/hex'
import { keccak } from '@/lib/core/keccak'
import type { DigestSigner, SignedTransaction, TransactionRequest, TransactionSigner } from './signer'
import { checkTransaction, type TransactionPolicy } from './transaction-policy'

/** A transaction that the policy does not allow: it was not signed, and never will be as it is. */
export class TransactionRefused extends Error {
  override readonly name = 'TransactionRefused'
}

/** A wallet of a key. Every transaction passes the policy of its chain before the key hears of it. */
export function createTransactionSigner(
  key: DigestSigner,
  policyOf: (chainId: number) => TransactionPolicy | null,
): TransactionSigner {
  return {
    address: key.address,
    async sign(request) {
      // A copy, so that what is signed is what was checked, whatever its owner does meanwhile.
      const { chainId, nonce, to, data, gas, maxFeePerGas, maxPriorityFeePerGas } = request
      const own = { chainId, nonce, to, data, gas, maxFeePerGas, maxPriorityFeePerGas }
      const policy = policyOf(chainId)
      const refusal = policy ? checkTransaction(policy, own, key.address) : `nothing is signed for chain ${chainId}`
      if (refusal !== null) throw new TransactionRefused(`The transaction was not signed: ${refusal}.`)
      return signAllowed(key, own)
    },
  }
}

async function signAllowed(key: DigestSigner, request: TransactionRequest): Promise<SignedTransaction> {
  const transaction = {
    ...request,
    type: 'eip1559',
    nonce: Number(request.nonce),
    to: lowerHex(request.to),
    value: 0n,
  } as const
  const unsigned = Buffer.from(serializeTransaction(transaction).slice(2), 'hex')
  const signature = await key.sign(Buffer.from(keccak(unsigned), 'hex'))
  const raw: Hex = serializeTransaction(transaction, signature)
  return { raw, hash: `0x${keccak(Buffer.from(raw.slice(2), 'hex'))}` }
}
