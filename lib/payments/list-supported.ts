import type { Mode } from '@/lib/core/plans'
import type { Network } from '@/lib/networks/networks'
import { PAYMENT_METHODS } from './schemes'

export type ListSupportedDeps = {
  networks: { states(): readonly { network: Network; status: 'served' | 'mismatch' | 'unreachable' }[] }
}

export type SupportedKind = { x402Version: 1 | 2; scheme: string; network: string }

/**
 * The kinds of payment we serve, of one mode or of both. A network whose RPC is away stays listed, for a seller's
 * server exits at start when a kind it needs is missing; one that contradicts our table is not there at all.
 */
export function listSupported({ networks }: ListSupportedDeps, mode: Mode | null) {
  const listed = networks
    .states()
    .filter(({ network, status }) => status !== 'mismatch' && (mode === null || network.mode === mode))
  return { kinds: listed.flatMap(({ network }) => kindsOf(network)), extensions: [], signers: {} }
}

/** v1 knows a network by a name of its own, where it knows it at all. */
function kindsOf({ id, v1Name }: Network): SupportedKind[] {
  const versions = [
    { x402Version: 2 as const, network: id },
    ...(v1Name ? [{ x402Version: 1 as const, network: v1Name }] : []),
  ]
  return versions.flatMap(({ x402Version, network }) =>
    PAYMENT_METHODS.filter((method) => method.x402Versions.includes(x402Version)).map(({ scheme }) => ({
      x402Version,
      scheme,
      network,
    })),
  )
}
