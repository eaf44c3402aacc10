import { getAddress } from 'viem'
import type { Hex } from '@/lib/core/hex'
import type { Mode } from '@/lib/core/plans'
import type { Network } from '@/lib/networks/networks'
import { PAYMENT_METHODS } from './schemes'

export type ListSupportedDeps = {
  networks: { states(): readonly { network: Network; status: 'served' | 'mismatch' | 'unreachable' }[] }
  settling: {
    /** False when nothing could be settled there for minutes. */
    isListed(network: Network): boolean
    /** Addresses that may send a settlement, in lower case. */
    signers(network: Network): readonly Hex[]
  }
}

export type SupportedKind = { x402Version: 1 | 2; scheme: string; network: string }

/**
 * The kinds of payment we serve, of one mode or of both. A network whose RPC is away stays listed, for a seller's
 * server exits at start when a kind it needs is missing; one that contradicts our table is not there at all.
 */
export function listSupported({ networks, settling }: ListSupportedDeps, mode: Mode | null) {
  const listed = networks
    .states()
    .filter(({ network, status }) => status !== 'mismatch' && (mode === null || network.mode === mode))
    .filter(({ network }) => settling.isListed(network))
  const signers = [...new Set(listed.flatMap(({ network }) => settling.signers(network)))].map(getAddress)
  return {
    kinds: listed.flatMap(({ network }) => kindsOf(network)),
    extensions: [],
    // By CAIP-2 family, as the official facilitators write it.
    signers: signers.length > 0 ? { 'eip155:*': signers } : {},
  }
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
