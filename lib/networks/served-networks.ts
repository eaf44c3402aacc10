import { MINUTE_MS, SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { CheckedNetwork } from './check-network'
import type { Asset, Network } from './networks'

export type ServedNetworksDeps = {
  /** Throws `rpc_unavailable` when the chain cannot be read. */
  check(network: Network, assets: readonly Asset[]): Promise<CheckedNetwork>
  /** Whether an operator has listed a token that is not listed by default. */
  isListed(network: Network, asset: Asset): boolean
  onProblem(network: Network, problem: string, cause: unknown): void
}

export type NetworkState = {
  network: Network
  /** `mismatch`: the chain contradicts our table. `unreachable`: it has not been asked with success yet. */
  status: 'served' | 'mismatch' | 'unreachable'
  assets: readonly Asset[]
  /** What is wrong, fit to be shown to anybody. */
  problems: readonly string[]
}

const RETRY_MS = { unreachable: 5 * SECOND_MS, mismatch: MINUTE_MS }

/**
 * The networks with an RPC URL, and which of them the chain has confirmed. A network that contradicts the table is
 * taken out; one whose RPC was away at start is checked again until it answers.
 */
export function createServedNetworks(deps: ServedNetworksDeps, configured: readonly Network[]) {
  const states = new Map<string, NetworkState>(
    configured.map((network) => [
      network.id,
      { network, status: 'unreachable', assets: [], problems: ['not checked yet'] },
    ]),
  )
  const timers = new Set<NodeJS.Timeout>()
  let stopped = false

  async function check(network: Network): Promise<void> {
    const { cause, ...state } = await readState(deps, network)
    const before = states.get(network.id)
    states.set(network.id, state)
    for (const problem of state.problems) {
      if (!before?.problems.includes(problem)) deps.onProblem(network, problem, cause)
    }
    if (state.status !== 'served') again(network, RETRY_MS[state.status])
  }

  function again(network: Network, delayMs: number): void {
    if (stopped) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      void check(network)
    }, delayMs)
    timers.add(timer.unref())
  }

  return {
    /** Checks every configured network once; those that do not answer are tried again in the background. */
    async start(): Promise<void> {
      await Promise.all(configured.map(check))
    },
    stop(): void {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
    },
    status(network: Network): 'served' | 'not_configured' | 'unavailable' {
      const state = states.get(network.id)
      if (!state) return 'not_configured'
      return state.status === 'served' ? 'served' : 'unavailable'
    },
    /** While a network could not be checked its listed tokens count as listed: the outage is told as what it is. */
    findAsset(network: Network, address: Hex): Asset | null {
      const state = states.get(network.id)
      const assets = state?.status === 'served' ? state.assets : listedAssets(deps, network)
      return assets.find((asset) => asset.address.toLowerCase() === address) ?? null
    },
    states: (): NetworkState[] => [...states.values()],
  }
}

async function readState(deps: ServedNetworksDeps, network: Network): Promise<NetworkState & { cause?: unknown }> {
  try {
    const listed = listedAssets(deps, network)
    const { assets, problems } = await deps.check(network, listed)
    const hasDefault = assets.some((asset) => asset.listedByDefault)
    return { network, status: hasDefault ? 'served' : 'mismatch', assets, problems }
  } catch (error) {
    const { cause, message } = toAppError(error)
    return { network, status: 'unreachable', assets: [], problems: [message], cause }
  }
}

function listedAssets(deps: ServedNetworksDeps, network: Network): Asset[] {
  return network.assets.filter((asset) => asset.listedByDefault || deps.isListed(network, asset))
}
