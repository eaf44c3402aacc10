import type { Hex } from '@/lib/core/hex'
import type { ChainReader, ContractResult } from './chain-reader'
import type { Asset, Network } from './networks'

export type CheckNetworkDeps = {
  chain: Pick<ChainReader, 'callMany' | 'chainIds'>
  /** The EIP-712 separator, 32 bytes in hex without 0x, that the table's name and version give. */
  domainSeparator(domain: { name: string; version: string; chainId: number; verifyingContract: Hex }): string
}

export type CheckedNetwork = {
  /** The tokens that the chain confirms. */
  assets: readonly Asset[]
  /** What does not agree with the table, in words. */
  problems: readonly string[]
}

// name(), version(), DOMAIN_SEPARATOR()
const CALLS = ['0x06fdde03', '0x54fd4d50', '0x3644e515'] as const satisfies readonly Hex[]

/**
 * Compares the chain id and each token's own name, version and domain separator with the table: a wrong domain in a table makes every
 * signature false, and is a mistake that several public tables had.
 *
 * @throws AppError `rpc_unavailable`
 */
export async function checkNetwork(
  deps: CheckNetworkDeps,
  network: Network,
  assets: readonly Asset[],
): Promise<CheckedNetwork> {
  const chainIds = await deps.chain.chainIds(network)
  const foreign = chainIds.filter((chainId) => chainId !== network.chainId)
  const ofChain = foreign.map((chainId) => `an RPC gives its chain id as ${chainId}, the table says ${network.chainId}`)
  if (foreign.length === chainIds.length) return { assets: [], problems: ofChain }
  const problems = await Promise.all(assets.map((asset) => checkAsset(deps, network, asset)))
  return {
    assets: assets.filter((_, index) => problems[index] === null),
    problems: [...ofChain, ...problems.filter((problem) => problem !== null)],
  }
}

async function checkAsset(deps: CheckNetworkDeps, network: Network, asset: Asset): Promise<string | null> {
  const calls = CALLS.map((data) => ({ target: asset.address, data }))
  const { results } = await deps.chain.callMany(network, calls, network.callGas.withoutCode)
  const [name, version] = [readText(results[0]), readText(results[1])]
  const { symbol, address } = asset
  if (name !== asset.name) return `${symbol} ${address} names itself ${quoted(name)}, the table says "${asset.name}"`
  if (version !== asset.version) {
    return `${symbol} ${address} gives its version as ${quoted(version)}, the table says "${asset.version}"`
  }
  const wanted = deps.domainSeparator({ name, version, chainId: network.chainId, verifyingContract: address })
  if (results[2]?.data !== `0x${wanted}`)
    return `${symbol} ${address} has another DOMAIN_SEPARATOR than the table gives`
  return null
}

/** An ABI-encoded string, or null when the contract gave none. */
function readText(result: ContractResult | undefined): string | null {
  if (!result?.ok || result.data.length < 2 + 128) return null
  const length = Number(`0x${result.data.slice(2 + 64, 2 + 128)}`)
  const hex = result.data.slice(2 + 128, 2 + 128 + length * 2)
  return length > 0 && length <= 256 && hex.length === length * 2 ? Buffer.from(hex, 'hex').toString('utf8') : null
}

function quoted(text: string | null): string {
  return text === null ? 'not at all' : `"${text}"`
}
