import type { Clock } from '@/lib/core/clock'
import type { ChainReader } from '@/lib/networks/chain-reader'
import type { Network } from '@/lib/networks/networks'
import type { SettlementChain } from '@/lib/settlements/settlement-chain'
import { createChainReader } from './chain-reader'
import { NetworkRpc } from './network-rpc'
import { createSettlementChain } from './settlement-chain'

export type ChainOptions = {
  now: Clock
  /** RPC URLs by network; the first is asked first. */
  urls: ReadonlyMap<Network, readonly string[]>
  maxBatch: number
  /** Seconds; undefined: by the network's block time. */
  maxHeadAgeSeconds: number | undefined
}

export type Chain = {
  reader: ChainReader
  settlement: SettlementChain
  rpcs: ReadonlyMap<string, NetworkRpc>
  close(): Promise<void>
}

const LEAST_HEAD_AGE_SECONDS = 30
const HEAD_AGE_BLOCKS = 10

/** The chains behind the RPC URLs that are set. */
export function createChain({ now, urls, maxBatch, maxHeadAgeSeconds }: ChainOptions): Chain {
  const rpcs = new Map<string, NetworkRpc>()
  for (const [network, list] of urls) {
    const byBlockTime = Math.max(LEAST_HEAD_AGE_SECONDS, HEAD_AGE_BLOCKS * network.blockTimeSeconds)
    const options = { chainId: network.chainId, urls: list, maxHeadAgeSeconds: maxHeadAgeSeconds ?? byBlockTime, now }
    rpcs.set(network.id, new NetworkRpc(options))
  }
  return {
    reader: createChainReader(rpcs, maxBatch),
    settlement: createSettlementChain(rpcs, { now, maxBatch }),
    rpcs,
    async close() {
      await Promise.all([...rpcs.values()].map((rpc) => rpc.close()))
    },
  }
}
