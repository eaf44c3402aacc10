/** The order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
/** SubjectPublicKeyInfo of an uncompressed key of secp256k1, up to the key itself: 65 bytes that begin with 04. */
const SPKI_HEAD = Buffer.from('3056301006072a8648ce3d020106052b8104000a034200', 'hex')
const KEY_BYTES = 65
const SEQUENCE = 0x30
const INTEGER = 0x02

/** The 65 bytes of an uncompressed public key of secp256k1, or null when the DER is of anything else. */
export function publicKeyOfSpki(der: Uint8Array): Uint8Array | null {
  const key = der.subarray(SPKI_HEAD.length)
  const isHeadRight = SPKI_HEAD.equals(der.subarray(0, SPKI_HEAD.length))
  return isHeadRight && key.length === KEY_BYTES && key[0] === 4 ? key : null
}

/** r and s of a DER signature (SEQUENCE of two INTEGERs), or null when it is none or they are no scalars. */
export function readDerSignature(der: Uint8Array): { r: bigint; s: bigint } | null {
  // Two numbers of 33 bytes at most: every length fits into one byte.
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return null
  const r = readInteger(der, 2)
  const s = r && readInteger(der, r.end)
  return s && s.end === der.length ? { r: r.value, s: s.value } : null
}

/** The lower of the two s that make a signature valid; Ethereum takes no other (EIP-2). */
export function lowS(s: bigint): bigint {
  return s > ORDER / 2n ? ORDER - s : s
}

function readInteger(der: Uint8Array, start: number): { value: bigint; end: number } | null {
  const length = der[start + 1] ?? 0
  const bytes = der.subarray(start + 2, start + 2 + length)
  if (der[start] !== INTEGER || length === 0 || bytes.length !== length || isNegative(bytes)) return null
  const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  return value > 0n && value < ORDER ? { value, end: start + 2 + length } : null
}

function isNegative(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >= 0x80
}
