import fc from 'fast-check'
import { hashTypedData, type TypedDataDomain } from 'viem'
import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { authorizationDigest, domainSeparator, type TokenDomain } from '@/lib/payments/exact-eip3009/digest'
import type { Authorization } from '@/lib/payments/exact-eip3009/payment'

const types = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const

const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes): Hex => `0x${Buffer.from(bytes).toString('hex')}`)
const uint256 = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
const text = fc.oneof(
  fc.constantFrom('USDC', 'USD Coin', '', '\n', '2', 'ダラー', '💵', 'é', 'e\u0301', '\ud800', '\0'),
  fc.string(),
  fc.string({ unit: 'grapheme' }),
)
const domain = fc.record<TokenDomain>({
  name: text,
  version: text,
  chainId: fc.integer({ min: 1, max: 2 ** 48 }),
  verifyingContract: hex(20),
})
const authorization = fc.record<Authorization>({
  from: hex(20),
  to: hex(20),
  value: uint256,
  validAfter: uint256,
  validBefore: uint256,
  nonce: hex(32),
})

function digestByViem(by: TokenDomain, message: Authorization): Hex {
  const named: TypedDataDomain = by
  return hashTypedData({ domain: named, types, primaryType: 'TransferWithAuthorization', message })
}

const digest = (by: TokenDomain, message: Authorization) =>
  `0x${Buffer.from(authorizationDigest(by, message)).toString('hex')}`

describe('authorizationDigest', () => {
  it('equals viem’s hashTypedData for 300 authorizations and domains, names in any script', () => {
    fc.assert(
      fc.property(domain, authorization, (by, message) => {
        fc.pre(by.name !== '' && by.version !== '')
        expect(digest(by, message)).toBe(digestByViem(by, message))
      }),
      { numRuns: 300 },
    )
  })

  it('is the same when the separator is remembered', () => {
    fc.assert(
      fc.property(domain, authorization, authorization, (by, one, other) => {
        fc.pre(by.name !== '' && by.version !== '')
        expect([digest(by, one), digest(by, other)]).toEqual([digestByViem(by, one), digestByViem(by, other)])
        expect(digest(by, one)).toBe(digestByViem(by, one))
      }),
    )
  })

  it('an address in capitals is the same address', () => {
    const by = { name: 'USDC', version: '2', chainId: 84532, verifyingContract: `0x${'ab'.repeat(20)}` as Hex }
    const message = { from: by.verifyingContract, to: by.verifyingContract, value: 1n, validAfter: 0n, validBefore: 1n }
    const nonce = `0x${'cd'.repeat(32)}` as Hex
    const capitals = (address: Hex): Hex => `0x${address.slice(2).toUpperCase()}`
    const shouted = { ...message, from: capitals(message.from), to: capitals(message.to), nonce }
    expect(digest({ ...by, verifyingContract: capitals(by.verifyingContract) }, shouted)).toBe(
      digest(by, { ...message, nonce }),
    )
  })
})

describe('domainSeparator', () => {
  it('of two domains is never the same, however their names are put together', () => {
    const chainId = 84532
    const verifyingContract: Hex = `0x${'01'.repeat(20)}`
    const one = { name: 'b\nc', version: 'a', chainId, verifyingContract }
    const other = { name: 'c', version: 'a\nb', chainId, verifyingContract }
    expect(domainSeparator(one)).not.toBe(domainSeparator(other))
  })

  it('stays right when more domains came than are remembered', () => {
    const of = (name: string) =>
      domainSeparator({ name, version: '2', chainId: 1, verifyingContract: `0x${'02'.repeat(20)}` })
    const first = of('0')
    for (let index = 0; index < 3_000; index++) of(String(index))
    expect(of('0')).toBe(first)
  })
})
