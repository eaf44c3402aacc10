import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Mode } from '@/lib/core/plans'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_CHARS = 30
const CHECKSUM_CHARS = 6
const KEY = /^x402_(live|test)_[0-9A-Za-z]{36}$/

/** A new key: the mode, 30 base62 characters of randomness (178 bits) and the CRC32 of all before it. */
export function generateKey(mode: Mode): string {
  let random = ''
  while (random.length < RANDOM_CHARS) {
    for (const byte of randomBytes(RANDOM_CHARS)) {
      // 248 is the largest multiple of 62 in a byte: beyond it some characters would be likelier than others.
      if (byte < 248 && random.length < RANDOM_CHARS) random += BASE62.charAt(byte % 62)
    }
  }
  const body = `x402_${mode}_${random}`
  return body + checksum(body)
}

/** Whether a text can be a key at all. Typing errors and noise fail here, without a look-up. */
export function isWellFormedKey(text: string): boolean {
  return KEY.test(text) && checksum(text.slice(0, -CHECKSUM_CHARS)) === text.slice(-CHECKSUM_CHARS)
}

/** SHA-256 in hex: what is stored of a key. A plain hash is right for 178 random bits, as it is wrong for passwords. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** What may be shown of a key after it was created: the first and last four of its random part and checksum. */
export function keyHint(key: string): { firstFour: string; lastFour: string } {
  const random = key.slice(-(RANDOM_CHARS + CHECKSUM_CHARS))
  return { firstFour: random.slice(0, 4), lastFour: random.slice(-4) }
}

function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let index = 0; index < CHECKSUM_CHARS; index++) {
    digits = BASE62.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}
