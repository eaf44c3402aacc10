import { randomFillSync } from 'node:crypto'

/** Every kind of object has a prefix of its own; this is the whole list. */
const PREFIXES = {
  tenant: 'ten',
  apiKey: 'key',
  verification: 'ver',
  request: 'req',
  limitOverride: 'lim',
  settlement: 'set',
  transaction: 'txn',
} as const

export type IdKind = keyof typeof PREFIXES

declare const idKind: unique symbol
/** A prefixed id. The brand keeps a tenant's id from being passed where a key's id is meant. */
export type Id<Kind extends IdKind> = string & { readonly [idKind]: Kind }
export type TenantId = Id<'tenant'>

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARS = 10
const RANDOM_CHARS = 16

const pool = new Uint8Array(RANDOM_CHARS * 256)
let poolOffset = pool.length
let lastTimeMs = -1
let lastTimeText = ''

/**
 * A new id: prefix, then a ULID in lower case (48 bits of milliseconds, 80 random bits), so that ids sort by time
 * and a row can be found by the time its id carries.
 */
export function newId<Kind extends IdKind>(kind: Kind, nowMs: number): Id<Kind> {
  return `${PREFIXES[kind]}_${timeText(nowMs)}${randomText()}` as Id<Kind>
}

/** The milliseconds an id was made at, or null when the text is not an id of this kind. */
export function idTimeMs(kind: IdKind, id: string): number | null {
  const prefix = `${PREFIXES[kind]}_`
  const text = id.slice(prefix.length)
  if (!id.startsWith(prefix) || text.length !== TIME_CHARS + RANDOM_CHARS) return null
  let timeMs = 0
  for (let index = 0; index < text.length; index++) {
    const value = ALPHABET.indexOf(text.charAt(index))
    if (value < 0) return null
    if (index < TIME_CHARS) timeMs = timeMs * 32 + value
  }
  return timeMs < 2 ** 48 ? timeMs : null
}

function timeText(nowMs: number): string {
  if (nowMs === lastTimeMs) return lastTimeText
  let rest = nowMs
  let text = ''
  for (let index = 0; index < TIME_CHARS; index++) {
    text = ALPHABET.charAt(rest % 32) + text
    rest = Math.floor(rest / 32)
  }
  lastTimeMs = nowMs
  lastTimeText = text
  return text
}

/** Random bytes are drawn for 256 ids at once: one draw per id costs more than all the rest of it. */
function randomText(): string {
  if (poolOffset === pool.length) {
    randomFillSync(pool)
    poolOffset = 0
  }
  let text = ''
  for (let index = 0; index < RANDOM_CHARS; index++) {
    text += ALPHABET.charAt((pool[poolOffset + index] as number) & 31)
  }
  poolOffset += RANDOM_CHARS
  return text
}
