import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { ChainReader, ContractReads } from '@/lib/networks/chain-reader'
import type { Network } from '@/lib/networks/networks'
import { MicroBatcher } from './micro-batcher'
import { decodeAggregate, encodeAggregate, MULTICALL3 } from './multicall'
import type { NetworkRpc } from './network-rpc'
import { isOutOfGas, type RpcAnswer } from './rpc-endpoint'

type Lanes = { plain: MicroBatcher; contract: MicroBatcher }

/**
 * Reads chains for the payment methods, micro-batched over all requests in flight. Payers with code have batches of
 * their own, so that a wallet that burns all its gas delays no payer without code.
 */
export function createChainReader(rpcs: ReadonlyMap<string, NetworkRpc>, maxBatch: number): ChainReader {
  const lanes = new Map<string, Lanes>()
  for (const [id, rpc] of rpcs) {
    const batcher = () => new MicroBatcher((calls) => rpc.send(calls), maxBatch)
    lanes.set(id, { plain: batcher(), contract: batcher() })
  }
  const rpcOf = (network: Network): NetworkRpc => rpcs.get(network.id) ?? notSet(network)
  const lanesOf = (network: Network): Lanes => lanes.get(network.id) ?? notSet(network)

  return {
    async callMany(network, calls, gas): Promise<ContractReads> {
      const lane = gas > network.callGas.withoutCode ? lanesOf(network).contract : lanesOf(network).plain
      const data = encodeAggregate(calls)
      const params = `[{"to":"${MULTICALL3}","data":"${data}","gas":"0x${gas.toString(16)}"},"latest"]`
      const { answer, head } = await lane.call({ method: 'eth_call', params })
      return readAggregate(answer, calls.length, head)
    },

    async hasCode(network, address): Promise<boolean> {
      const { answer } = await lanesOf(network).plain.call({
        method: 'eth_getCode',
        params: `["${address}","latest"]`,
      })
      const code = 'result' in answer ? answer.result : null
      if (typeof code !== 'string' || !code.startsWith('0x')) throw unreadable('eth_getCode', answer)
      return code.length > 2
    },

    async chainIds(network) {
      return rpcOf(network).chainIds()
    },
  }
}

function notSet(network: Network): never {
  throw new AppError('rpc_unavailable', { cause: new Error(`no RPC URL for ${network.id}`) })
}

/** Multicall3 never reverts for a call that may fail: an error here is the endpoint's, unless all the gas is gone. */
function readAggregate(answer: RpcAnswer, count: number, block: bigint): ContractReads {
  if ('error' in answer) {
    if (!isOutOfGas(answer)) throw unreadable('eth_call', answer)
    const failed = { ok: false, data: '0x' as Hex }
    return { block, results: new Array<typeof failed>(count).fill(failed), ranOutOfGas: true }
  }
  const results = decodeAggregate(answer.result, count)
  if (!results) throw unreadable('eth_call', answer)
  return { block, results, ranOutOfGas: false }
}

function unreadable(method: string, answer: RpcAnswer): AppError {
  const cause = 'error' in answer ? `${method}: ${answer.error.code} ${answer.error.message}` : `${method}: malformed`
  return new AppError('rpc_unavailable', { retryAfterSeconds: 1, cause: new Error(cause) })
}
