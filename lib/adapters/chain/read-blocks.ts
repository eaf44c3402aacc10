import type { Block } from '@/lib/settlements/settlement-chain'
import { type Found, fieldsOf, orNull, toBytes32, toQuantity } from './decode'
import type { NetworkRpc } from './network-rpc'
import { readOne, unreadable } from './read-results'
import type { RpcAnswer, RpcCall } from './rpc-endpoint'

/** About two epochs of Ethereum: deeper than any reorg that a network without finality is known to have had. */
const BLOCKS_IN_PLACE_OF_FINALITY = 64n
/** How nodes say that they know no such tag, or that nothing is final yet. */
const NO_FINALITY =
  /finali[sz]ed|unknown block|block not found|header not found|invalid (argument|params|block)|\btag\b/i

/** The newest block. @throws AppError `rpc_unavailable` */
export async function readHead(rpc: NetworkRpc): Promise<Block> {
  return readOne<Block>(rpc, { ...blockCall('latest'), decode: toBlock })
}

/**
 * The newest block that the network calls finalized. Where it has no such tag, the block 64 below the newest stands in:
 * only an answer that says so counts, for after any other failure a block would be called final that is not.
 *
 * @throws AppError `rpc_unavailable`
 */
export async function readFinalized(rpc: NetworkRpc): Promise<Block> {
  const { answers } = await rpc.sendWhole([blockCall('finalized')])
  const [finalized] = answers as [RpcAnswer]
  if ('error' in finalized && !NO_FINALITY.test(finalized.error.message)) throw unreadable('finalized', finalized)
  const found = 'error' in finalized ? null : (finalized.result as Found<Block>).found
  if (found) return found
  const { number } = await readHead(rpc)
  const below = number > BLOCKS_IN_PLACE_OF_FINALITY ? number - BLOCKS_IN_PLACE_OF_FINALITY : 0n
  const standIn = (await readOne<Found<Block>>(rpc, numberedBlockCall(below))).found
  if (!standIn) throw unreadable('eth_getBlockByNumber', { error: { code: 0, message: `no block ${below}` } })
  return standIn
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
