import { BoundedMap } from '@/lib/core/bounded-map'
import { addressWord, type Hex, word } from '@/lib/core/hex'
import { keccak } from '@/lib/core/keccak'
import type { Authorization } from './payment'

const DOMAIN_TYPE = keccakOfText('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)')
const AUTHORIZATION_TYPE = keccakOfText(
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
)
const separators = new BoundedMap<string, string>(1_000)
/** No token has a longer name; whoever makes one up must not fill the memory with it. */
const LONGEST_KEPT = 250

export type TokenDomain = { name: string; version: string; chainId: number; verifyingContract: Hex }

/** The digest that a payer signs: EIP-712 over EIP-3009's TransferWithAuthorization. */
export function authorizationDigest(domain: TokenDomain, authorization: Authorization): Uint8Array {
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  const struct =
    AUTHORIZATION_TYPE +
    addressWord(from) +
    addressWord(to) +
    word(value) +
    word(validAfter) +
    word(validBefore) +
    nonce.slice(2)
  return Buffer.from(keccakOfHex(`1901${domainSeparator(domain)}${keccakOfHex(struct)}`), 'hex')
}

/** The separator depends only on the token, so it is hashed once; a seller's wrong `extra` makes others, hence the bound. */
export function domainSeparator({ name, version, chainId, verifyingContract }: TokenDomain): string {
  // With its length before it, no version can reach into the name.
  const key = `${chainId} ${verifyingContract} ${version.length} ${version}${name}`
  const known = separators.get(key)
  if (known) return known
  const separator = keccakOfHex(
    DOMAIN_TYPE + keccakOfText(name) + keccakOfText(version) + word(chainId) + addressWord(verifyingContract),
  )
  if (key.length <= LONGEST_KEPT) separators.set(key, separator)
  return separator
}

function keccakOfHex(hex: string): string {
  return keccak(Buffer.from(hex, 'hex'))
}

function keccakOfText(text: string): string {
  return keccak(Buffer.from(text, 'utf8'))
}
