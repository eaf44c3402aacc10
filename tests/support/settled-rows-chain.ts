import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import type { Hex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { ASSET, type Payment } from './settled-rows-payments'

const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'

type Log = { address: Hex; topics: Hex[]; data: Hex; logIndex: Hex }
type Receipt = {
  transactionHash: Hex
  blockNumber: Hex
  blockHash: Hex
  status: Hex
  gasUsed: Hex
  effectiveGasPrice: Hex
  logs: Log[]
}

/** Sends a batch from an unlocked account. It is mined with the next block. */
export async function send(
  chain: LocalChain,
  from: Hex,
  payments: readonly Payment[],
): Promise<{ hash: Hex; nonce: number }> {
  const calls = payments.map(({ callData }) => ({ target: ASSET, data: callData as Hex }))
  const gas = `0x${(payments.length * 130_000 + 100_000).toString(16)}`
  const nonce = Number(await chain.call('eth_getTransactionCount', [from, 'pending']))
  const request = { from, to: MULTICALL3, data: encodeAggregate(calls), gas }
  return { hash: await chain.call<Hex>('eth_sendTransaction', [request]), nonce }
}

/** Where a receipt shows the Transfer behind a payment's authorization. */
export function placeOf({ logs, blockNumber, blockHash }: Receipt, { nonce, amount }: Payment) {
  const position = logs.findIndex(({ topics }) => topics[0] === AUTHORIZATION_USED && topics[2] === nonce) + 1
  if (position === 0 || BigInt(logs[position]?.data ?? 0) !== amount) throw new Error('a payment was not settled')
  return { position, blockNumber: BigInt(blockNumber), blockHash, settledAt: new Date() }
}

/** @throws when the transaction was not mined, or reverted */
export async function receiptOf(chain: LocalChain, hash: Hex): Promise<Receipt> {
  const receipt = await chain.call<Receipt | null>('eth_getTransactionReceipt', [hash])
  if (receipt?.status !== '0x1') throw new Error(`transaction ${hash} was not mined`)
  receipt.logs.sort((a, b) => Number(a.logIndex) - Number(b.logIndex))
  return receipt
}

/** The newest block that is final. */
export async function finalizedBlock(chain: LocalChain): Promise<bigint> {
  return BigInt((await chain.call<{ number: Hex }>('eth_getBlockByNumber', ['finalized', false])).number)
}
