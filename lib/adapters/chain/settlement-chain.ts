import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import type { Network } from '@/lib/networks/networks'
import type { Block, Receipt, SettlementChain, SimulatedResult } from '@/lib/settlements/settlement-chain'
import { broadcast } from './broadcast'
import { type Found, toQuantity } from './decode'
import { PROBE_COUNT } from './endpoint-health'
import { decodeMetered, meterParams } from './meter'
import type { NetworkRpc } from './network-rpc'
import { readAuthorizationStates } from './read-authorizations'
import { numberedBlockCall, readFinalized, readHead } from './read-blocks'
import { createFeeReader } from './read-fees'
import { receiptCall } from './read-receipts'
import { readMany, readOne } from './read-results'
import { searchAuthorizationUses } from './search-logs'

type Options = { now: Clock; maxBatch: number }

/**
 * The chain as settlement uses it. What one call answers comes from one endpoint, for the worker draws conclusions from
 * answers beside each other; whether a block that a receipt names is canonical is for the caller to ask.
 */
export function createSettlementChain(
  rpcs: ReadonlyMap<string, NetworkRpc>,
  { now, maxBatch }: Options,
): SettlementChain {
  const most = maxBatch - PROBE_COUNT
  const rpcOf = (network: Network): NetworkRpc => rpcs.get(network.id) ?? notSet(network)
  const readFees = createFeeReader(now, most)

  return {
    async simulate(network, calls) {
      const rpc = rpcOf(network)
      const decode = (result: unknown) => decodeMetered(result, calls.length)
      // By its number: another endpoint, or another node behind this one, may be a block behind.
      const { number } = await readHead(rpc)
      const call = { method: 'eth_call', params: meterParams(calls, number), decode }
      return { block: number, results: await readOne<SimulatedResult[]>(rpc, call) }
    },

    async broadcast(network, raw) {
      const rpc = rpcs.get(network.id)
      return rpc ? broadcast(rpc, raw) : { kind: 'unknown', message: `no RPC URL for ${network.id}` }
    },

    head: async (network) => readHead(rpcOf(network)),
    finalized: async (network) => readFinalized(rpcOf(network)),

    async blocks(network, numbers) {
      const read = await readMany<Found<Block>>(rpcOf(network), numbers.map(numberedBlockCall), most)
      return read.map(({ found }) => found)
    },

    async receipts(network, hashes) {
      const read = await readMany<Found<Receipt>>(rpcOf(network), hashes.map(receiptCall), most)
      return read.map(({ found }) => found)
    },

    authorizationUses: async (network, search) => searchAuthorizationUses(rpcOf(network), search, most),

    async authorizationStates(network, authorizations, at) {
      const rpc = rpcOf(network)
      // By its number, for another endpoint may call an older block finalized.
      const block = await (at === 'latest' ? readHead(rpc) : readFinalized(rpc))
      return { block, used: await readAuthorizationStates(rpc, authorizations, block.number, most) }
    },

    async walletState(network, wallet) {
      const ask = (method: string) => ({ method, params: `["${wallet}","latest"]`, decode: toQuantity })
      const calls = [ask('eth_getTransactionCount'), ask('eth_getBalance')]
      const [nonce, balanceWei] = (await readMany<bigint>(rpcOf(network), calls, most)) as [bigint, bigint]
      return { nonce, balanceWei }
    },

    async finalNonce(network, wallet) {
      const block = await readFinalized(rpcOf(network))
      const params = `["${wallet}","0x${block.number.toString(16)}"]`
      const call = { method: 'eth_getTransactionCount', params, decode: toQuantity }
      return { block, nonce: await readOne<bigint>(rpcOf(network), call) }
    },

    fees: async (network) => readFees(rpcOf(network)),
  }
}

function notSet(network: Network): never {
  throw new AppError('rpc_unavailable', { cause: new Error(`no RPC URL for ${network.id}`) })
}
