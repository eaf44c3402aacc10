import { type Address, type Hex, toEventSelector } from 'viem'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'

/** A payment that the chain says was made: the pair of logs, whoever sent the transaction. */
export type ChainTransfer = {
  paymentKey: string
  payer: string
  payTo: string
  amount: bigint
  hash: Hex
  position: number
  sender: string
}

type ChainTransaction = { hash: Hex; sender: string; nonce: bigint; succeeded: boolean; feeWei: bigint }

export type ChainHistory = {
  transfers: ChainTransfer[]
  /** Those of our wallets. */
  transactions: ChainTransaction[]
  wallets: ReadonlyMap<string, { latest: bigint; pending: bigint; balance: bigint }>
}

type Log = { address: string; topics: Hex[]; data: Hex; logIndex: Hex }
type Receipt = {
  from: Address
  transactionHash: Hex
  status: Hex
  gasUsed: Hex
  effectiveGasPrice: Hex
  logs: Log[]
}

const USED = toEventSelector('AuthorizationUsed(address,bytes32)')
const TRANSFER = toEventSelector('Transfer(address,address,uint256)')
const AT_ONCE = 20

/** Reads the canonical chain from its first block to its newest: what was paid, and what our wallets sent. */
export async function readChainHistory(chain: LocalChain, wallets: readonly string[]): Promise<ChainHistory> {
  const receipts = await readReceipts(chain)
  const ours = receipts.filter(({ from }) => wallets.includes(from.toLowerCase()))
  const states = await Promise.all(wallets.map(async (wallet) => [wallet, await stateOf(chain, wallet)] as const))
  return {
    transfers: receipts.flatMap(transfersOf),
    transactions: await Promise.all(ours.map((receipt) => toTransaction(chain, receipt))),
    wallets: new Map(states),
  }
}

async function readReceipts(chain: LocalChain): Promise<Receipt[]> {
  const head = Number(await chain.call<Hex>('eth_blockNumber'))
  const receipts: Receipt[] = []
  for (let first = 0; first <= head; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, head - first + 1) }, (_, index) => first + index)
    const read = numbers.map((number) =>
      chain.call<Receipt[] | null>('eth_getBlockReceipts', [`0x${number.toString(16)}`]),
    )
    for (const block of await Promise.all(read)) receipts.push(...(block ?? []))
  }
  return receipts
}

async function stateOf(chain: LocalChain, wallet: string) {
  const read = async (method: string, block: string) => BigInt(await chain.call<Hex>(method, [wallet, block]))
  const [latest, pending, balance] = await Promise.all([
    read('eth_getTransactionCount', 'latest'),
    read('eth_getTransactionCount', 'pending'),
    read('eth_getBalance', 'latest'),
  ])
  return { latest, pending, balance }
}

async function toTransaction(chain: LocalChain, receipt: Receipt): Promise<ChainTransaction> {
  const { transactionHash: hash, from, status, gasUsed, effectiveGasPrice } = receipt
  const { nonce } = await chain.call<{ nonce: Hex }>('eth_getTransactionByHash', [hash])
  return {
    hash,
    sender: from.toLowerCase(),
    nonce: BigInt(nonce),
    succeeded: status === '0x1',
    feeWei: BigInt(gasUsed) * BigInt(effectiveGasPrice),
  }
}

/** By a reading of its own, so that the product's judge is not its own witness. */
function transfersOf({ from, transactionHash: hash, logs }: Receipt): ChainTransfer[] {
  const token = LOCAL_USDC.toLowerCase()
  const [first] = logs
  return logs.flatMap((log, index) => {
    const next = logs[index + 1]
    if (log.address.toLowerCase() !== token || log.topics[0] !== USED || next?.topics[0] !== TRANSFER) return []
    const [, payer, nonce] = log.topics as [Hex, Hex, Hex]
    const sent = addressOf(payer)
    return [
      {
        paymentKey: [nonce, sent, token, `eip155:${LOCAL_CHAIN_ID}`].join('/').toLowerCase(),
        payer: sent,
        payTo: addressOf(next.topics[2] as Hex),
        amount: BigInt(next.data),
        hash,
        position: Number(next.logIndex) - Number(first?.logIndex ?? 0),
        sender: from.toLowerCase(),
      },
    ]
  })
}

function addressOf(topic: Hex): string {
  return `0x${topic.slice(-40)}`.toLowerCase()
}
