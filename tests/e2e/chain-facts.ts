import { type Address, type Hex, pad, parseAbiItem, toEventSelector } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { SETTLER } from './stage'

export type Transfer = { from: Address; amount: bigint; transaction: Hex }

type Log = { topics: [Hex, Hex, Hex]; data: Hex; transactionHash: Hex }

const TRANSFER = toEventSelector(
  parseAbiItem('event Transfer(address indexed from, address indexed to, uint256 value)'),
)

/** Every transfer of the token that ever reached somebody, as the chain tells it. */
export async function transfersTo(chain: LocalChain, payTo: Address): Promise<Transfer[]> {
  const topics = [TRANSFER, null, pad(payTo)]
  const filter = { address: LOCAL_USDC, topics, fromBlock: '0x0', toBlock: 'latest' }
  const logs = await chain.call<Log[]>('eth_getLogs', [filter])
  return logs.map(({ topics: [, from], data, transactionHash }) => ({
    from: `0x${from.slice(26)}`,
    amount: BigInt(data),
    transaction: transactionHash,
  }))
}

/** How many transactions our wallet has given to the chain, those that wait for a block included. */
export async function broadcasts(chain: LocalChain): Promise<number> {
  return Number(await chain.call<Hex>('eth_getTransactionCount', [SETTLER.address, 'pending']))
}

/** Runs something while no block is made; what is given to it lets the chain go on earlier. */
export async function duringStandstill<T>(
  chain: LocalChain,
  run: (goOn: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const goOn = () => chain.call('evm_setIntervalMining', [1])
  await chain.call('evm_setIntervalMining', [0])
  try {
    return await run(goOn)
  } finally {
    await goOn()
  }
}
