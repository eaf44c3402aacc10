import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { ChainReader, ContractReads, ContractResult } from '@/lib/networks/chain-reader'
import type { Network } from '@/lib/networks/networks'
import { PROBE_COUNT } from './endpoint-health'
import { MicroBatcher } from './micro-batcher'
import { decodeAggregate, encodeAggregate } from './multicall'
import type { NetworkRpc } from './network-rpc'
import { isOutOfGas, type RpcAnswer } from './rpc-endpoint'

/** A wallet can answer with 256 KB at most before its gas is gone: so many of them stay below what we read of a batch. */
const CONTRACT_BATCH = 16

type Lanes = { plain: MicroBatcher; contract: MicroBatcher }

/**
 * Reads chains for the payment methods, micro-batched over all requests in flight. Payers with code have batches of
 * their own, so that a wallet that burns all its gas delays no payer without code.
 */
export function createChainReader(rpcs: ReadonlyMap<string, NetworkRpc>, maxBatch: number): ChainReader {
  const lanes = new Map<string, Lanes>()
  for (const [id, rpc] of rpcs) {
    const batcher = (most: number) => new MicroBatcher((calls) => rpc.send(calls), most)
    const most = maxBatch - PROBE_COUNT
    lanes.set(id, { plain: batcher(most), contract: batcher(Math.min(most, CONTRACT_BATCH)) })
  }
  const rpcOf = (network: Network): NetworkRpc => rpcs.get(network.id) ?? notSet(network)
  const lanesOf = (network: Network): Lanes => lanes.get(network.id) ?? notSet(network)

  return {
    async callMany(network, calls, gas): Promise<ContractReads> {
      const lane = gas > network.callGas.withoutCode ? lanesOf(network).contract : lanesOf(network).plain
      const { answer, head } = await lane.call({
        method: 'eth_call',
        params: `[{"to":"${MULTICALL3}","data":"${encodeAggregate(calls)}","gas":"0x${gas.toString(16)}"},"latest"]`,
        decode: (result) => decodeAggregate(result, calls.length),
      })
      return readAggregate(answer, calls.length, head)
    },

    async hasCode(network, address): Promise<boolean> {
      const { answer } = await lanesOf(network).plain.call({
        method: 'eth_getCode',
        params: `["${address}","latest"]`,
        decode: (code) => (typeof code === 'string' && code.startsWith('0x') ? code.length > 2 : null),
      })
      if ('error' in answer) throw unreadable('eth_getCode', answer.error)
      return answer.result as boolean
    },

    chainIds: (network) => rpcOf(network).chainIds(),
    check: (network) => rpcOf(network).check(),
  }
}

function notSet(network: Network): never {
  throw new AppError('rpc_unavailable', { cause: new Error(`no RPC URL for ${network.id}`) })
}

/** Multicall3 never reverts for a call that may fail: an error here is the endpoint's, unless all the gas is gone. */
function readAggregate(answer: RpcAnswer, count: number, block: bigint): ContractReads {
  if ('result' in answer) return { block, results: answer.result as ContractResult[], ranOutOfGas: false }
  if (!isOutOfGas(answer)) throw unreadable('eth_call', answer.error)
  const failed = { ok: false, data: '0x' as Hex }
  return { block, results: new Array<typeof failed>(count).fill(failed), ranOutOfGas: true }
}

function unreadable(method: string, { code, message }: { code: number; message: string }): AppError {
  return new AppError('rpc_unavailable', { retryAfterSeconds: 1, cause: new Error(`${method}: ${code} ${message}`) })
}
