const AMOUNT = /^(0|[1-9][0-9]{0,77})$/
const UINT256_LIMIT = 1n << 256n

/**
 * Reads an amount of atomic units from its one canonical form: decimal digits without sign, exponent or leading
 * zero, below 2^256. Null for anything else, for two spellings of one amount would be two payments to a parser.
 */
export function parseAmount(text: string): bigint | null {
  if (!AMOUNT.test(text)) return null
  const amount = BigInt(text)
  return amount < UINT256_LIMIT ? amount : null
}

/** Atomic units as a decimal number of tokens, exactly: `formatUnits(1500000n, 6)` is "1.5". */
export function formatUnits(amount: bigint, decimals: number): string {
  const digits = amount.toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '')
  return fraction ? `${whole}.${fraction}` : whole
}
