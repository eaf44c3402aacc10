import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import type { Hex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { TransactionRequest } from '@/lib/settlements/signer'
import type { TransactionPolicy } from '@/lib/settlements/transaction-policy'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'

export const TRANSFER_WITH_VRS = '0xe3ee160e'
export const TRANSFER_WITH_BYTES = '0xcf092995'

export const TOKEN = LOCAL_USDC.toLowerCase() as Hex

/** What a wallet may sign on the local chain. */
export const POLICY: TransactionPolicy = {
  chainId: LOCAL_CHAIN_ID,
  assets: new Set([TOKEN, `0x${'e1'.repeat(20)}`] as const),
  gasPerPayment: 150_000n,
  transactionGas: 8_000_000n,
  feeCapWei: 100_000_000_000n,
}

/** A call of `transferWithAuthorization` whose arguments nobody looks at. */
export function transferData(seed = 1, selector: string = TRANSFER_WITH_VRS): Hex {
  return `${selector as Hex}${seed.toString(16).padStart(64, '0').repeat(9)}`
}

/** One payment, sent directly. */
export function directRequest(changes: Partial<TransactionRequest> = {}): TransactionRequest {
  return {
    chainId: POLICY.chainId,
    nonce: 7n,
    to: TOKEN,
    data: transferData(),
    gas: 120_000n,
    maxFeePerGas: 3_000_000_000n,
    maxPriorityFeePerGas: 1_000_000_000n,
    ...changes,
  }
}

type Call = { target: Hex; data: Hex }

/** Many payments in one transaction. */
export function batchRequest(calls: readonly Call[], changes: Partial<TransactionRequest> = {}): TransactionRequest {
  const gas = BigInt(calls.length) * 70_000n + 50_000n
  return directRequest({ to: MULTICALL3, data: encodeAggregate(calls), gas, ...changes })
}

export function payments(count: number): Call[] {
  return Array.from({ length: count }, (_, index) => ({ target: TOKEN, data: transferData(index + 1) }))
}
