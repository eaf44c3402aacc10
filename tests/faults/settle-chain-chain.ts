import { setTimeout as sleep } from 'node:timers/promises'
import type { Address, Hex } from 'viem'
import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import { lowerHex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import type { SignedPayment } from './settle-chain-payments'
import { STRANGER } from './settle-chain-stage'

const LOOK_MS = 50
const GWEI = 1_000_000_000n

/** Waits until something is so, and gives it. @throws when it is not within so many milliseconds */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | false | undefined>,
  withinMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== false && found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`)
    await sleep(LOOK_MS)
  }
}

export async function stopMining(chain: LocalChain): Promise<void> {
  await chain.call('evm_setIntervalMining', [0])
}

/** Blocks every second, as before. */
export async function goOnMining(chain: LocalChain): Promise<void> {
  await chain.call('evm_setIntervalMining', [1])
}

export async function mineBlocks(chain: LocalChain, count = 1): Promise<void> {
  for (let block = 0; block < count; block++) await chain.call('evm_mine')
}

/** Runs something while no block is made but by itself; blocks come again afterwards, whatever happens. */
export async function withoutMining<T>(chain: LocalChain, run: () => Promise<T>): Promise<T> {
  await stopMining(chain)
  try {
    return await run()
  } finally {
    await goOnMining(chain)
  }
}

/** The first price of gas again, after a scenario that drove it up. */
export async function restoreBaseFee(chain: LocalChain): Promise<void> {
  await chain.call('anvil_setNextBlockBaseFeePerGas', [`0x${GWEI.toString(16)}`])
  await chain.call('evm_mine')
}

export async function baseFee(chain: LocalChain): Promise<bigint> {
  const { baseFeePerGas } = await chain.call<{ baseFeePerGas: Hex }>('eth_getBlockByNumber', ['latest', false])
  return BigInt(baseFeePerGas)
}

export async function blockNumber(chain: LocalChain): Promise<number> {
  return Number(await chain.call<Hex>('eth_blockNumber'))
}

export type Receipt = {
  transactionHash: Hex
  blockNumber: Hex
  blockHash: Hex
  status: Hex
  gasUsed: Hex
  effectiveGasPrice: Hex
  from: Address
  logs: { address: Hex; topics: Hex[]; data: Hex; logIndex: Hex }[]
}

export function receiptOf(chain: LocalChain, hash: string): Promise<Receipt | null> {
  return chain.call<Receipt | null>('eth_getTransactionReceipt', [hash])
}

/** The transactions of a wallet that were mined, in the order of their nonces. */
export async function receiptsOf(chain: LocalChain, wallet: Address, fromBlock = 0): Promise<Receipt[]> {
  const receipts: Receipt[] = []
  const head = await blockNumber(chain)
  for (let block = fromBlock; block <= head; block++) {
    const found = await chain.call<Receipt[] | null>('eth_getBlockReceipts', [`0x${block.toString(16)}`])
    receipts.push(...(found ?? []).filter(({ from }) => from.toLowerCase() === wallet.toLowerCase()))
  }
  return receipts
}

/** A block takes the highest `maxFeePerGas` first; ours offer a little more than twice the base fee. */
export type Bid = 'more than ours' | 'less than ours'

/** Somebody else sends payments: one directly, several in one transaction. Not mined by this. */
export async function replay(
  chain: LocalChain,
  payments: readonly SignedPayment[],
  bid: Bid = 'more than ours',
): Promise<Hex> {
  const target = lowerHex(LOCAL_USDC)
  const [first] = payments
  const call =
    payments.length === 1 && first
      ? { to: LOCAL_USDC, data: first.callData }
      : { to: MULTICALL3, data: encodeAggregate(payments.map(({ callData }) => ({ target, data: callData }))) }
  const maxFeePerGas = bid === 'more than ours' ? 500n * GWEI : ((await baseFee(chain)) * 6n) / 5n + 1n
  const maxPriorityFeePerGas = bid === 'more than ours' ? GWEI : 0n
  const fees = { maxFeePerGas: quantity(maxFeePerGas), maxPriorityFeePerGas: quantity(maxPriorityFeePerGas) }
  const gas = quantity(100_000n + 120_000n * BigInt(payments.length))
  return chain.call<Hex>('eth_sendTransaction', [{ from: STRANGER, ...call, ...fees, gas }])
}

export function quantity(value: bigint): Hex {
  return `0x${value.toString(16)}`
}
