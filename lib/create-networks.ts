import type { createChain } from '@/lib/adapters/chain/create-chain'
import type { Logger } from '@/lib/adapters/telemetry/logger'
import { configuredNetworks, listedAssets } from '@/lib/chain-settings'
import type { Env } from '@/lib/env'
import { checkNetwork } from '@/lib/networks/check-network'
import { createServedNetworks } from '@/lib/networks/served-networks'
import { domainSeparator } from '@/lib/payments/exact-eip3009/digest'

type Reader = Pick<ReturnType<typeof createChain>, 'reader'>

/** The networks with an RPC, each served once its chain has confirmed our table: the same in web and worker. */
export function createNetworks(settings: Env, { reader }: Reader, logger: Logger) {
  return createServedNetworks(
    {
      check: (network, assets) => checkNetwork({ chain: reader, domainSeparator }, network, assets),
      isListed: listedAssets(settings.X402_EXTRA_ASSETS),
      onProblem: (network, problem, cause) => logger.warn({ network: network.id, err: cause }, problem),
    },
    configuredNetworks(settings),
  )
}
