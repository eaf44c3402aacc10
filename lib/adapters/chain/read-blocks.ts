import type { Block } from '@/lib/settlements/settlement-chain'
import { type Found, fieldsOf, orNull, toBytes32, toQuantity } from './decode'
import type { Answered, NetworkRpc } from './network-rpc'
import { readOne, unreadable } from './read-results'
import type { RpcCall, RpcFailure } from './rpc-endpoint'

/** The newest block. @throws AppError `rpc_unavailable` */
export async function readHead(rpc: NetworkRpc): Promise<Block> {
  return readOne<Block>(rpc, { ...blockCall('latest'), decode: toBlock })
}

/**
 * The newest block that the network calls finalized. Nothing stands in for it: a node that knows no such block yet has
 * just been started, and a block would be called final that is not.
 *
 * @throws AppError `rpc_unavailable`
 */
export async function readFinalized(rpc: NetworkRpc): Promise<Block> {
  const tries = await rpc.offer([blockCall('finalized')], (answered) => finalOf(answered) !== null)
  const last = tries.at(-1)
  const found = last ? finalOf(last) : null
  if (found) return found
  throw unreadable('finalized', last && 'answers' in last ? last.answers[0] : undefined)
}

/** A node that calls no block final yet is passed over as one that fails is. */
function finalOf(tried: Answered | RpcFailure): Block | null {
  const answer = 'answers' in tried ? tried.answers[0] : undefined
  return answer && 'result' in answer ? (answer.result as Found<Block>).found : null
}

/** Asks for the block of a number; the result is `Found<Block>`, and a block of another number is malformed. */
export function numberedBlockCall(number: bigint): RpcCall {
  const read = (result: unknown) => {
    const block = toBlock(result)
    return block?.number === number ? block : null
  }
  return { ...blockCall(`0x${number.toString(16)}`), decode: orNull(read) }
}

function blockCall(at: string): RpcCall {
  return { method: 'eth_getBlockByNumber', params: `["${at}",false]`, decode: orNull(toBlock) }
}

function toBlock(result: unknown): Block | null {
  const fields = fieldsOf(result)
  const [number, hash, time] = [
    toQuantity(fields['number']),
    toBytes32(fields['hash']),
    toQuantity(fields['timestamp']),
  ]
  if (number === null || hash === null || time === null) return null
  return { number, hash, timestampSeconds: Number(time) }
}
