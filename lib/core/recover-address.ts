import type { Secp256k1 } from '@bitauth/libauth'
import { recoverPublicKey } from 'viem'
import type { Hex } from './hex'
import { keccak } from './keccak'

type Recover = (digest: Uint8Array, rs: Uint8Array, recovery: 0 | 1) => Uint8Array | null | Promise<Uint8Array | null>
type NativeSecp256k1 = {
  ecdsaRecover(rs: Uint8Array, recovery: number, digest: Uint8Array, compressed: boolean): Uint8Array
}

/** Half of the curve's order, as the text that s is compared with. */
const HALF_ORDER = '7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0'
let chosen: Promise<{ name: string; recover: Recover }> | null = null

/** A 65-byte ECDSA signature, taken apart. */
export type EcdsaSignature = { rs: Uint8Array; v: number; isLowS: boolean }

/** Takes hex in lower case. Null when the signature is not 65 bytes long, so not one an account without code could have made. */
export function parseEcdsaSignature(signature: Hex): EcdsaSignature | null {
  if (signature.length !== 132) return null
  const bytes = Buffer.from(signature.slice(2), 'hex')
  return {
    rs: bytes.subarray(0, 64),
    v: bytes[64] as number,
    isLowS: signature.slice(66, 130) <= HALF_ORDER,
  }
}

/** The address that signed a digest (EIP-712, EIP-191), in lower case, or null when there is none. */
export async function recoverAddress(digest: Uint8Array, signature: EcdsaSignature): Promise<Hex | null> {
  const recovery = recoveryBit(signature.v)
  if (recovery === null) return null
  const { recover } = await secp256k1()
  const publicKey = await recover(digest, signature.rs, recovery)
  return publicKey ? `0x${keccak(publicKey.subarray(1)).slice(24)}` : null
}

/**
 * Loads the implementation that serves here, so that no request has to wait for it, and names it: "native", "wasm" or
 * "javascript" (a 25th of the speed of native).
 */
export async function secp256k1Implementation(): Promise<string> {
  return (await secp256k1()).name
}

function recoveryBit(v: number): 0 | 1 | null {
  if (v === 0 || v === 27) return 0
  return v === 1 || v === 28 ? 1 : null
}

function secp256k1(): Promise<{ name: string; recover: Recover }> {
  chosen ??= native().catch(wasm).catch(javascript)
  return chosen
}

/** libsecp256k1 as a Node addon. The package's own fallback is a slow one, so its binding is asked for by name. */
async function native(): Promise<{ name: string; recover: Recover }> {
  const addon = (await import('secp256k1/bindings')) as unknown as { default?: NativeSecp256k1 } & NativeSecp256k1
  const { ecdsaRecover } = addon.default ?? addon
  return { name: 'native', recover: (digest, rs, recovery) => orNull(() => ecdsaRecover(rs, recovery, digest, false)) }
}

async function wasm(): Promise<{ name: string; recover: Recover }> {
  const { instantiateSecp256k1 } = await import('@bitauth/libauth')
  const instance: Secp256k1 = await instantiateSecp256k1()
  return {
    name: 'wasm',
    recover(digest, rs, recovery) {
      const key = instance.recoverPublicKeyUncompressed(rs, recovery, digest)
      return typeof key === 'string' ? null : key
    },
  }
}

function javascript(): { name: string; recover: Recover } {
  return {
    name: 'javascript',
    recover: (hash, rs, recovery) => {
      const signature = new Uint8Array([...rs, 27 + recovery])
      return recoverPublicKey({ hash, signature }).then(
        (key) => Buffer.from(key.slice(2), 'hex'),
        () => null,
      )
    },
  }
}

/** Libraries throw when r or s is no scalar or no key can be recovered; to us that is "nobody signed this". */
function orNull(recover: () => Uint8Array): Uint8Array | null {
  try {
    return recover()
  } catch {
    return null
  }
}
