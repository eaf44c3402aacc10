import fc from 'fast-check'
import { formatUnits as formatUnitsOfViem } from 'viem'
import { describe, expect, it } from 'vitest'
import { formatUnits, parseAmount } from '@/lib/core/money'

const LIMIT = 1n << 256n

/** Reads by BigInt and takes only what is written the way BigInt itself would write it. */
function oracle(text: string): bigint | null {
  let value: bigint
  try {
    value = BigInt(text)
  } catch {
    return null
  }
  return String(value) === text && value >= 0n && value < LIMIT ? value : null
}

const digits = (zero: number) =>
  fc.string({ unit: fc.integer({ min: 0, max: 9 }).map((digit) => String.fromCodePoint(zero + digit)), minLength: 1 })
const ascii = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 90 })

const amountLike = fc.oneof(
  fc.bigInt({ min: 0n, max: LIMIT - 1n }).map(String),
  fc.bigInt({ min: LIMIT - 100n, max: LIMIT + 100n }).map(String),
  fc.bigInt({ min: -1_000n, max: 1_000n }).map(String),
  ascii,
  ascii.map((text) => `0${text}`),
  fc.tuple(fc.constantFrom('-', '+', '−', ' ', '\t', '\n', '0x', '0b', '0o'), ascii).map((parts) => parts.join('')),
  fc.tuple(ascii, fc.constantFrom('e', 'E'), fc.integer({ min: -90, max: 90 })).map((parts) => parts.join('')),
  fc.tuple(ascii, fc.constantFrom('.', ',', '_', ' ', '\n', '\0', 'n', '０'), ascii).map((parts) => parts.join('')),
  digits(0x660),
  digits(0xff10),
  digits(0x1d7ce),
  fc.double().map(String),
  fc.string(),
)

describe('parseAmount', () => {
  it('agrees with a BigInt oracle on 10,000 strings', () => {
    fc.assert(
      fc.property(amountLike, (text) => {
        expect(parseAmount(text)).toBe(oracle(text))
      }),
      { numRuns: 10_000 },
    )
  })

  it.each([
    ['0', 0n],
    ['1', 1n],
    [`${LIMIT - 1n}`, LIMIT - 1n],
    ['1'.repeat(77), BigInt('1'.repeat(77))],
    ['1'.repeat(78), BigInt('1'.repeat(78))],
  ])('takes the canonical %s', (text, amount) => {
    expect(parseAmount(text)).toBe(amount)
  })

  it.each([
    ['nothing', ''],
    ['2^256', `${LIMIT}`],
    ['78 nines, which is more than 2^256', '9'.repeat(78)],
    ['79 digits', '1'.repeat(79)],
    ['60,000 digits', '1'.repeat(60_000)],
    ['minus zero', '-0'],
    ['a plus sign', '+1'],
    ['a minus sign', '-1'],
    ['a leading zero', '01'],
    ['two zeros', '00'],
    ['an exponent', '1e6'],
    ['a point', '1.0'],
    ['hex', '0x1'],
    ['a separator', '1_000'],
    ['a space before', ' 1'],
    ['a line end after', '1\n'],
    ['a zero byte after', '1\0'],
    ['Arabic digits', '١٢٣'],
    ['fullwidth digits', '１２３'],
    ['a word', 'Infinity'],
  ])('refuses %s', (_, text) => {
    expect(parseAmount(text)).toBeNull()
  })
})

describe('formatUnits', () => {
  it('is exact: it agrees with viem for every amount and number of decimals', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: LIMIT - 1n }), fc.integer({ min: 0, max: 30 }), (amount, decimals) => {
        expect(formatUnits(amount, decimals)).toBe(formatUnitsOfViem(amount, decimals))
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    [1_500_000n, 6, '1.5'],
    [1n, 6, '0.000001'],
    [0n, 6, '0'],
    [10n, 0, '10'],
    [1_000_000n, 6, '1'],
  ])('%s with %s decimals is %s', (amount, decimals, text) => {
    expect(formatUnits(amount, decimals)).toBe(text)
  })
})
