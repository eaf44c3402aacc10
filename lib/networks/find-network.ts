import { NETWORKS, type Network } from './networks'

const byId = new Map(NETWORKS.map((network) => [network.id as string, network]))
const byV1Name = new Map(NETWORKS.filter((network) => network.v1Name).map((network) => [network.v1Name, network]))

/** The network of a CAIP-2 id (x402 v2) or of a plain name (v1), or undefined. */
export function findNetwork(x402Version: 1 | 2, id: string): Network | undefined {
  return x402Version === 1 ? byV1Name.get(id) : byId.get(id)
}

/** The network of a CAIP-2 id, whatever version of the protocol named it. */
export function networkById(id: string): Network | undefined {
  return byId.get(id)
}
