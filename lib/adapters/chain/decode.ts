import { type Hex, isAddress, isBytes32, lowerHex } from '@/lib/core/hex'

const QUANTITY = /^0x[0-9a-f]{1,64}$/i

/** What is read of a result that a good node may give as null: null itself would count as malformed. */
export type Found<T> = { found: T | null }

/** A reader of `T` that lets a node say null. */
export function orNull<T>(read: (result: unknown) => T | null): (result: unknown) => Found<T> | null {
  return (result) => {
    if (result === null) return { found: null }
    const found = read(result)
    return found === null ? null : { found }
  }
}

/** A number of JSON-RPC, or null. */
export function toQuantity(value: unknown): bigint | null {
  return typeof value === 'string' && QUANTITY.test(value) ? BigInt(value) : null
}

/** 32 bytes in lower case, or null. */
export function toBytes32(value: unknown): Hex | null {
  return typeof value === 'string' && isBytes32(value) ? lowerHex(value) : null
}

/** An address in lower case, or null. */
export function toAddress(value: unknown): Hex | null {
  return typeof value === 'string' && isAddress(value) ? lowerHex(value) : null
}

/** The fields of an object; of anything else, none. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** Each entry as `read` gives it; null when the value is no list or one entry cannot be read. */
export function readEach<T>(value: unknown, read: (entry: unknown) => T | null): T[] | null {
  if (!Array.isArray(value)) return null
  const entries: T[] = []
  for (const raw of value) {
    const entry = read(raw)
    if (entry === null) return null
    entries.push(entry)
  }
  return entries
}
