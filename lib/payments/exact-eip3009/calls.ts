import { addressWord, type Hex, word } from '@/lib/core/hex'
import type { Authorization } from './payment'

// Selectors of FiatTokenV2_2 and EIP-1271.
const TRANSFER_WITH_VRS = '0xe3ee160e'
const TRANSFER_WITH_BYTES = '0xcf092995'
const IS_VALID_SIGNATURE = '0x1626ba7e'

/** What `isValidSignature` returns when the wallet accepts (EIP-1271). */
export const ERC1271_MAGIC = '0x1626ba7e'

/** `transferWithAuthorization`, by the overload that fits: v, r, s for 65 bytes, bytes for the signature of a wallet. */
export function transferCall(authorization: Authorization, signature: Hex): Hex {
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  const head = addressWord(from) + addressWord(to) + word(value) + word(validAfter) + word(validBefore) + nonce.slice(2)
  if (signature.length !== 132) return `${TRANSFER_WITH_BYTES}${head}${word(7 * 32)}${bytesTail(signature)}`
  const [r, s, v] = [signature.slice(2, 66), signature.slice(66, 130), signature.slice(130)]
  return `${TRANSFER_WITH_VRS}${head}${v.padStart(64, '0')}${r}${s}`
}

/** `isValidSignature(hash, signature)` of EIP-1271. */
export function isValidSignatureCall(digest: Uint8Array, signature: Hex): Hex {
  return `${IS_VALID_SIGNATURE}${Buffer.from(digest).toString('hex')}${word(2 * 32)}${bytesTail(signature)}`
}

function bytesTail(bytes: Hex): string {
  const hex = bytes.slice(2)
  return word(hex.length / 2) + hex.padEnd(Math.ceil(hex.length / 64) * 64, '0')
}
