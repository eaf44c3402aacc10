const HEX = /^0x(?:[0-9a-fA-F]{2})*$/
const ADDRESS = /^0x[0-9a-fA-F]{40}$/
const BYTES32 = /^0x[0-9a-fA-F]{64}$/

export type Hex = `0x${string}`

/** True for whole bytes in hex, "0x" included. */
export function isHex(text: string): text is Hex {
  return HEX.test(text)
}

/** True for 20 bytes in hex, in any case: the checksum of mixed case is not looked at, the signature covers the bytes. */
export function isAddress(text: string): text is Hex {
  return ADDRESS.test(text)
}

export function isBytes32(text: string): text is Hex {
  return BYTES32.test(text)
}

/** Hex in the one form we compare and store: lower case. */
export function lowerHex(text: Hex): Hex {
  return text.toLowerCase() as Hex
}

/** A number as a 32-byte word in hex, without 0x. */
export function word(value: bigint | number): string {
  return value.toString(16).padStart(64, '0')
}

/** An address as a 32-byte word in hex, without 0x. */
export function addressWord(address: Hex): string {
  return address.slice(2).toLowerCase().padStart(64, '0')
}
