import { type Hex, toEventSelector } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { quantity } from './settle-chain-chain'

const USED = toEventSelector('AuthorizationUsed(address,bytes32)')
const LOGS_AT_ONCE = 2_000n

export type Log = { topics: Hex[]; data: Hex; transactionHash: Hex; blockHash: Hex }
/** An authorization that the chain says was used, and what the token moved directly after it. */
export type Use = { transaction: Hex; blockHash: Hex; position: number; next: Log | undefined }

/** What the chain says was used, by payer and nonce. */
export async function usesOf(chain: LocalChain): Promise<Map<string, Use[]>> {
  const uses = new Map<string, Use[]>()
  for (const [transaction, logs] of await logsByTransaction(chain)) {
    for (const [index, { topics, blockHash }] of logs.entries()) {
      if (topics[0] !== USED) continue
      const use = { transaction, blockHash, position: index + 1, next: logs[index + 1] }
      push(uses, `${topics[1]?.slice(26)}/${topics[2]}`, use)
    }
  }
  return uses
}

/** All that the token ever logged. */
async function logsByTransaction(chain: LocalChain): Promise<Map<Hex, Log[]>> {
  const head = BigInt(await chain.call<Hex>('eth_blockNumber'))
  const logs = new Map<Hex, Log[]>()
  for (let from = 0n; from <= head; from += LOGS_AT_ONCE) {
    const [fromBlock, toBlock] = [quantity(from), quantity(from + LOGS_AT_ONCE - 1n)]
    const found = await chain.call<Log[]>('eth_getLogs', [{ address: LOCAL_USDC, fromBlock, toBlock }])
    for (const log of found) push(logs, log.transactionHash, log)
  }
  return logs
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
