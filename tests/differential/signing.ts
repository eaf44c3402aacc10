import { ecdsaSign } from 'secp256k1/bindings'
import { type Address, bytesToHex, type Hex, hashTypedData, serializeErc6492Signature } from 'viem'
import { LOCAL_CHAIN_ID } from '@/scripts/local/chain'
import { AUTHORIZATION_TYPES } from '@/scripts/local/sign-payment'
import { addressOf } from './random'
import type { Token } from './tokens'

export type SignedAuthorization = {
  from: Address
  to: Address
  value: bigint
  validAfter: bigint
  validBefore: bigint
  nonce: Hex
}

/** Signs a digest as the holder of a key does: low s, and v of 27 or 28. */
export function sign(digest: Hex, key: Uint8Array): Hex {
  const { signature, recid } = ecdsaSign(Buffer.from(digest.slice(2), 'hex'), key)
  return `${bytesToHex(signature)}${(27 + recid).toString(16)}`
}

/** A signature in the wrapper of a wallet that is still to be deployed (ERC-6492). */
export function wrapped(signature: Hex, factory: Address = addressOf('factory'), data: Hex = '0xdeadbeef'): Hex {
  return serializeErc6492Signature({ address: factory, data, signature })
}

/** What a payer signs, hashed by viem: the verifier under test hashes it by code of its own. */
export function authorizationDigest(token: Token, message: SignedAuthorization, chainId = LOCAL_CHAIN_ID): Hex {
  return hashTypedData({
    domain: domainOf(token, chainId),
    types: AUTHORIZATION_TYPES,
    primaryType: 'TransferWithAuthorization',
    message,
  })
}

/** What a payer signs to take an authorization back. */
export function cancellationDigest(token: Token, message: { authorizer: Address; nonce: Hex }): Hex {
  return hashTypedData({
    domain: domainOf(token, LOCAL_CHAIN_ID),
    types: {
      CancelAuthorization: [
        { name: 'authorizer', type: 'address' },
        { name: 'nonce', type: 'bytes32' },
      ],
    },
    primaryType: 'CancelAuthorization',
    message,
  })
}

function domainOf({ name, version, address }: Token, chainId: number) {
  return { name, version, chainId, verifyingContract: address }
}
