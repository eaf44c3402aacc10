import { formatUnits } from '@/lib/core/money'
import type { Mode } from '@/lib/core/plans'
import type { NetworkState } from './served-networks'

/** The networks of one mode as a tenant sees them: what can be paid with, how soon it counts, whether we serve it now. */
export function listNetworks(states: readonly NetworkState[], mode: Mode) {
  const data = states
    .filter(({ network }) => network.mode === mode)
    .map(({ network, status, assets, problems }) => ({
      id: network.id,
      name: network.name,
      v1Name: network.v1Name,
      mode: network.mode,
      status: status === 'served' ? ('served' as const) : ('unavailable' as const),
      problem: status === 'served' ? null : problems.join('; '),
      blockTimeSeconds: network.blockTimeSeconds,
      confirmations: network.confirmations,
      minimumAmount: network.minimumAmount.toString(),
      explorerUrl: network.explorerUrl,
      assets: assets.map(({ symbol, address, name, version, decimals }) => ({
        symbol,
        address,
        decimals,
        eip712: { name, version },
        minimumTokens: formatUnits(network.minimumAmount, decimals),
      })),
    }))
  return { data, hasMore: false, nextCursor: null }
}
