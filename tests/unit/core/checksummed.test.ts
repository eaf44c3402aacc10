import fc from 'fast-check'
import { getAddress } from 'viem'
import { describe, expect, it } from 'vitest'
import { checksummed } from '@/lib/core/checksummed'

const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes): `0x${string}` => `0x${Buffer.from(bytes).toString('hex')}`)

describe('checksummed', () => {
  it('shows an address as viem does, in whatever case it is written', () => {
    fc.assert(
      fc.property(address, (text) => {
        expect(checksummed(text)).toBe(getAddress(text))
        expect(checksummed(`0x${text.slice(2).toUpperCase()}`)).toBe(getAddress(text))
      }),
    )
  })

  it.each([null, '', 'vitalik.eth', '0x1', `0x${'g'.repeat(40)}`])('%j stays as it is', (text) => {
    expect(checksummed(text)).toBe(text)
  })
})
