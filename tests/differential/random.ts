import { type Address, getAddress, keccak256, toBytes, toHex } from 'viem'

/** Random numbers that a seed fixes: the same seed gives the same payments, byte for byte. */
export type Random = {
  below(limit: number): number
  pick<Item>(items: readonly Item[]): Item
  bytes(length: number): Uint8Array
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit: number): number => next() % limit
  return {
    below,
    pick: <Item>(items: readonly Item[]) => items[below(items.length)] as Item,
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  }
}

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    ;[result[last], result[other]] = [result[other] as Item, result[last] as Item]
  }
  return result
}

/** A private key that only its name decides. */
export function keyOf(name: string): Uint8Array {
  return toBytes(keccak256(toHex(`payproof differential ${name}`)))
}

/** An address of nobody. */
export function addressOf(name: string): Address {
  return getAddress(keccak256(toHex(name)).slice(0, 42))
}
