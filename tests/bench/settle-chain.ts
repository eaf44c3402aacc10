import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, type Hex, toEventSelector } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'

/** What the chain says of one side's wallet over some blocks. */
export type ChainFacts = {
  transactions: number
  reverted: number
  gas: number
  /** Authorizations that were used in these blocks, by whomever. */
  authorizationsUsed: number
}

type Receipt = { from: Address; status: Hex; gasUsed: Hex }

const AUTHORIZATION_USED = toEventSelector('AuthorizationUsed(address,bytes32)')
const QUIET_BLOCKS = 3
const PATIENCE_MS = 120_000

export async function headOf(chain: LocalChain): Promise<number> {
  return Number(await chain.call<Hex>('eth_blockNumber'))
}

/** Waits until a wallet has sent nothing for three blocks and nothing of it is waiting. Gives the head. */
export async function quietHead(chain: LocalChain, wallet: Address): Promise<number> {
  const deadline = Date.now() + PATIENCE_MS
  let [lastSent, since] = [-1, 0]
  while (Date.now() < deadline) {
    const [head, mined, sent] = await Promise.all([
      headOf(chain),
      chain.call<Hex>('eth_getTransactionCount', [wallet, 'latest']).then(Number),
      chain.call<Hex>('eth_getTransactionCount', [wallet, 'pending']).then(Number),
    ])
    if (sent !== mined || sent !== lastSent) [lastSent, since] = [sent, head]
    else if (head - since >= QUIET_BLOCKS) return head
    await sleep(200)
  }
  throw new Error(`the wallet ${wallet} still had transactions that were not mined after ${PATIENCE_MS / 1_000} s`)
}

/** Reads the blocks from `first` to `last`: every transaction of the wallet by its receipt, and the token's logs. */
export async function readFacts(
  chain: LocalChain,
  wallet: Address,
  [first, last]: readonly [number, number],
): Promise<ChainFacts> {
  const own: Receipt[] = []
  for (let block = first; block <= last; block++) {
    const receipts = await chain.call<Receipt[]>('eth_getBlockReceipts', [toHex(block)])
    own.push(...receipts.filter(({ from }) => from.toLowerCase() === wallet.toLowerCase()))
  }
  const filter = { address: LOCAL_USDC, fromBlock: toHex(first), toBlock: toHex(last), topics: [AUTHORIZATION_USED] }
  const logs = await chain.call<unknown[]>('eth_getLogs', [filter])
  return {
    transactions: own.length,
    reverted: own.filter(({ status }) => status !== '0x1').length,
    gas: own.reduce((sum, { gasUsed }) => sum + Number(gasUsed), 0),
    authorizationsUsed: logs.length,
  }
}

function toHex(value: number): Hex {
  return `0x${value.toString(16)}`
}
