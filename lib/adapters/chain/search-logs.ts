import { addressWord, type Hex, lowerHex } from '@/lib/core/hex'
import { AUTHORIZATION_USED } from '@/lib/core/token'
import { readEach } from './decode'
import type { NetworkRpc } from './network-rpc'
import { numberedBlockCall, readHead } from './read-blocks'
import { toIndexedLog } from './read-receipts'
import { resultOf, unreadable } from './read-results'
import type { RpcAnswer, RpcCall } from './rpc-endpoint'

/** What most providers allow a search to cover. */
const MAX_RANGE = 10_000n
const RANGES_PER_BATCH = 5
/** A search is given up after so many batches: 7.5 million blocks where ranges are long, 150 where they are of one. */
const MAX_BATCHES = 150

type Search = { asset: Hex; payer: Hex; nonce: Hex; fromBlock: bigint; throughBlock?: bigint }
type Range = { from: bigint; to: bigint }

/**
 * The transactions from a block on, up to the newest, in which an authorization was used. Searches in ranges that are
 * halved when the provider refuses one.
 *
 * @throws AppError `rpc_unavailable` when a part could not be searched
 */
export async function searchAuthorizationUses(rpc: NetworkRpc, search: Search, mostCalls: number): Promise<Hex[]> {
  const head = (await readHead(rpc)).number
  const { throughBlock = 0n } = search
  if (head < throughBlock) throw unreadable('eth_getLogs', failure(`no endpoint has block ${throughBlock} yet`))
  const mostRanges = Math.max(1, Math.min(RANGES_PER_BATCH, mostCalls - 1))
  const found = new Set<Hex>()
  let next = search.fromBlock
  let size = MAX_RANGE
  for (let batch = 0; next <= head; batch++) {
    if (batch === MAX_BATCHES) throw unreadable('eth_getLogs', failure('too many blocks to search'))
    const ranges = rangesFrom(next, head, size).slice(0, mostRanges)
    const { hashes, searched, refusal } = await searchRanges(rpc, search, ranges, head)
    for (const hash of hashes) found.add(hash)
    next = searched ? searched.to + 1n : next
    size = refusal ? half(size, refusal) : size
  }
  return [...found]
}

function half(size: bigint, refusal: RpcAnswer): bigint {
  if (size === 1n) throw unreadable('eth_getLogs', refusal)
  return size / 2n
}

function rangesFrom(from: bigint, head: bigint, size: bigint): Range[] {
  const ranges: Range[] = []
  for (let next = from; next <= head && ranges.length < RANGES_PER_BATCH; next += size) {
    const last = next + size - 1n
    ranges.push({ from: next, to: last < head ? last : head })
  }
  return ranges
}

type Searched = { hashes: Hex[]; searched: Range | undefined; refusal: RpcAnswer | undefined }

/**
 * Searches the ranges up to the first that is refused. The endpoint must have the newest block, or its silence about it
 * would mean nothing.
 */
async function searchRanges(
  rpc: NetworkRpc,
  search: Search,
  ranges: readonly Range[],
  head: bigint,
): Promise<Searched> {
  const calls = [numberedBlockCall(head), ...ranges.map((range) => logsCall(search, range))]
  const [proof, ...logs] = (await rpc.sendWhole(calls)).answers
  const { found } = resultOf<{ found: unknown }>('eth_getBlockByNumber', proof)
  if (!found) throw unreadable('eth_getLogs', failure(`the endpoint has no block ${head}`))
  const refused = logs.findIndex((answer) => 'error' in answer)
  const read = refused === -1 ? logs : logs.slice(0, refused)
  return {
    hashes: read.flatMap((answer) => resultOf<Hex[]>('eth_getLogs', answer)),
    searched: ranges[read.length - 1],
    refusal: logs[refused],
  }
}

function logsCall({ asset, payer, nonce }: Search, { from, to }: Range): RpcCall {
  const topics = [AUTHORIZATION_USED, `0x${addressWord(payer)}` as Hex, lowerHex(nonce)]
  const decode = (result: unknown) =>
    readEach(result, (entry) => {
      const log = toIndexedLog(entry)
      const fits = log?.address === lowerHex(asset) && topics.every((topic, index) => log.topics[index] === topic)
      return log && fits ? log.transactionHash : null
    })
  const filter = {
    address: asset,
    topics,
    fromBlock: `0x${from.toString(16)}`,
    toBlock: `0x${to.toString(16)}`,
  }
  return { method: 'eth_getLogs', params: JSON.stringify([filter]), decode }
}

function failure(message: string): RpcAnswer {
  return { error: { code: 0, message } }
}
