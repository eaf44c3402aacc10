import fc from 'fast-check'
import { numberToHex, pad } from 'viem'
import { describe, expect, it } from 'vitest'
import { addressWord, type Hex, isAddress, isBytes32, isHex, lowerHex, word } from '@/lib/core/hex'

const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

describe('isHex, isAddress, isBytes32', () => {
  it('take whole bytes of the right length in any case', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes(20), bytes(32), (any, address, nonce) => {
        for (const turned of [(text: Hex) => text, (text: Hex): Hex => `0x${text.slice(2).toUpperCase()}`]) {
          expect(isHex(turned(hexOf(any)))).toBe(true)
          expect(isAddress(turned(hexOf(address)))).toBe(true)
          expect(isBytes32(turned(hexOf(nonce)))).toBe(true)
        }
      }),
    )
  })

  it.each(['', '0', 'x', '00', '0x0', '0x0g', '0X00', ' 0x00', '0x00 ', '0x00\n', '0x００', '-0x00', '0x0x00'])(
    'none of them takes %j',
    (text) => {
      expect([isHex(text), isAddress(text), isBytes32(text)]).toEqual([false, false, false])
    },
  )

  it.each([19, 21, 32])('isAddress refuses %i bytes', (length) => {
    expect(isAddress(`0x${'ab'.repeat(length)}`)).toBe(false)
  })

  it.each([20, 31, 33])('isBytes32 refuses %i bytes', (length) => {
    expect(isBytes32(`0x${'ab'.repeat(length)}`)).toBe(false)
  })

  it('an address with a line end after it is none', () => {
    expect(isAddress(`0x${'ab'.repeat(20)}\n`)).toBe(false)
  })
})

describe('words', () => {
  it('are 32 bytes, as viem pads them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), bytes(20), (value, address) => {
        expect(word(value)).toBe(numberToHex(value, { size: 32 }).slice(2))
        expect(addressWord(hexOf(address))).toBe(pad(hexOf(address), { size: 32 }).slice(2))
      }),
    )
    expect(word(255)).toBe(numberToHex(255, { size: 32 }).slice(2))
  })

  it('lowerHex has one form for every case', () => {
    expect(lowerHex('0xABcd')).toBe('0xabcd')
  })
})
