import type { Env } from '@/lib/env'
import { type Asset, NETWORKS, type Network } from '@/lib/networks/networks'

/** The networks that have an RPC. @throws when one is set that is not in the table */
export function configuredNetworks({ rpcUrls }: Env): Network[] {
  for (const chainId of rpcUrls.keys()) {
    if (NETWORKS.some((network) => network.chainId === chainId)) continue
    const known = NETWORKS.map((network) => network.chainId).join(', ')
    throw new Error(`X402_RPC_EIP155_${chainId} is set, but there is no such network here. There are: ${known}.`)
  }
  return NETWORKS.filter((network) => rpcUrls.has(network.chainId))
}

/** The RPC URLs and bounds of every configured network. */
export function rpcSettings(settings: Env) {
  const urls = new Map(
    configuredNetworks(settings).map((network) => [network, settings.rpcUrls.get(network.chainId) ?? []]),
  )
  return { urls, maxBatch: settings.X402_RPC_MAX_BATCH, maxHeadAgeSeconds: settings.X402_RPC_MAX_HEAD_AGE_SECONDS }
}

/** Reads "eip155:8453/EURC, eip155:1/EURC": tokens that an operator lists beside the default ones. @throws on others */
export function listedAssets(text: string): (network: Network, asset: Asset) => boolean {
  const named = text.split(',').map((entry) => entry.trim())
  const listed = new Set(named.filter(Boolean))
  const known = NETWORKS.flatMap((network) => network.assets.map((asset) => `${network.id}/${asset.symbol}`))
  const unknown = [...listed].filter((entry) => !known.includes(entry))
  if (unknown.length > 0) {
    throw new Error(
      `X402_EXTRA_ASSETS names ${unknown.join(', ')}, which is not known. There are: ${known.join(', ')}.`,
    )
  }
  return (network, asset) => listed.has(`${network.id}/${asset.symbol}`)
}
