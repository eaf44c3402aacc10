import type { Address, Hex } from 'viem'
import { networkById } from '@/lib/networks/find-network'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import { TOKEN_CODE } from './contracts'
import { addressOf } from './random'

export type Token = { address: Address; name: string; version: string }

export const USDC: Token = { address: LOCAL_USDC, name: 'USDC', version: '2' }
export const EURC: Token = { address: addressOfEurc(), name: 'EURC', version: '2' }

export type OddToken = keyof typeof TOKEN_CODE

/** Tokens that an operator might list although they do not keep to EIP-3009, by the code that stands there. */
export const ODD_TOKENS = Object.fromEntries(
  Object.keys(TOKEN_CODE).map((name) => [name, { address: addressOf(`token ${name}`), name, version: '1' }]),
) as Record<OddToken, Token>

export const TOKENS: readonly Token[] = [USDC, EURC, ...Object.values(ODD_TOKENS)]

export function oddTokenCode(name: OddToken): Hex {
  return TOKEN_CODE[name]
}

function addressOfEurc(): Address {
  const eurc = networkById(`eip155:${LOCAL_CHAIN_ID}`)?.assets.find(({ symbol }) => symbol === 'EURC')
  if (!eurc) throw new Error('the table of networks has no EURC on the local chain')
  return eurc.address
}
