import { bytesToHex } from 'viem'
import { privateKeyToAddress, sign as signInJavascript } from 'viem/accounts'
import { type Hex, isBytes32, lowerHex } from '@/lib/core/hex'
import type { DigestSignature, DigestSigner } from '@/lib/settlements/signer'

type Sign = (digest: Uint8Array, privateKey: Uint8Array) => DigestSignature | Promise<DigestSignature>
type NativeSecp256k1 = {
  ecdsaSign(digest: Uint8Array, privateKey: Uint8Array): { signature: Uint8Array; recid: number }
}

let chosen: Promise<Sign> | null = null

/**
 * A key in the memory of this process, in a closure, where nothing that prints an object finds it. Null for a text that
 * is no private key of secp256k1.
 */
export async function createLocalSigner(privateKey: string): Promise<DigestSigner | null> {
  const address = addressOf(privateKey)
  if (!address) return null
  const key = Buffer.from(privateKey.slice(2), 'hex')
  const sign = await signing()
  return { address, sign: async (digest) => sign(digest, key) }
}

/** Libraries put the number they refuse into their message, so nothing of their error is passed on. */
function addressOf(privateKey: string): Hex | null {
  if (!isBytes32(privateKey)) return null
  try {
    return lowerHex(privateKeyToAddress(privateKey))
  } catch {
    return null
  }
}

function signing(): Promise<Sign> {
  chosen ??= native().catch(wasm).catch(javascript)
  return chosen
}

/** libsecp256k1 as a Node addon: nonces by RFC 6979, s always low. */
async function native(): Promise<Sign> {
  const addon = (await import('secp256k1/bindings')) as unknown as { default?: NativeSecp256k1 } & NativeSecp256k1
  const { ecdsaSign } = addon.default ?? addon
  return (digest, key) => {
    const { signature, recid } = ecdsaSign(digest, key)
    return toSignature(signature, recid)
  }
}

async function wasm(): Promise<Sign> {
  const { instantiateSecp256k1 } = await import('@bitauth/libauth')
  const instance = await instantiateSecp256k1()
  return (digest, key) => {
    const signed = instance.signMessageHashRecoverableCompact(key, digest)
    if (typeof signed === 'string') throw new Error('the key could not sign')
    return toSignature(signed.signature, signed.recoveryId)
  }
}

function javascript(): Sign {
  return async (digest, key) => {
    const { r, s, yParity } = await signInJavascript({ hash: bytesToHex(digest), privateKey: bytesToHex(key) })
    return { r, s, yParity: yParity === 0 ? 0 : 1 }
  }
}

function toSignature(rs: Uint8Array, recovery: number): DigestSignature {
  return { r: bytesToHex(rs.subarray(0, 32)), s: bytesToHex(rs.subarray(32)), yParity: recovery % 2 === 0 ? 0 : 1 }
}
