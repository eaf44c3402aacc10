import fc from 'fast-check'
import { encodeFunctionData, erc20Abi, parseAbi } from 'viem'
import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { authorizationStateCall, balanceOfCall } from '@/lib/core/token'
import { ERC1271_MAGIC, isValidSignatureCall, transferCall } from '@/lib/payments/exact-eip3009/calls'
import type { Authorization } from '@/lib/payments/exact-eip3009/payment'

const byVrs = parseAbi([
  'function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)',
])
const byBytes = parseAbi(['function transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)'])
const others = parseAbi([
  'function authorizationState(address,bytes32) view returns (bool)',
  'function isValidSignature(bytes32,bytes) view returns (bytes4)',
])

const toHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(toHex)
const bytes = fc.uint8Array({ maxLength: 400 }).map(toHex)
const uint256 = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })
const authorization = fc.record<Authorization>({
  from: hex(20),
  to: hex(20),
  value: uint256,
  validAfter: uint256,
  validBefore: uint256,
  nonce: hex(32),
})

const listed = ({ from, to, value, validAfter, validBefore, nonce }: Authorization) =>
  [from, to, value, validAfter, validBefore, nonce] as const

describe('transferCall', () => {
  it('of 65 bytes is the overload with v, r and s, as viem encodes it', () => {
    fc.assert(
      fc.property(authorization, hex(32), hex(32), fc.integer({ min: 0, max: 255 }), (signed, r, s, v) => {
        const signature: Hex = `${r}${s.slice(2)}${v.toString(16).padStart(2, '0')}`
        const wanted = encodeFunctionData({ abi: byVrs, args: [...listed(signed), v, r, s] })
        expect(transferCall(signed, signature)).toBe(wanted)
      }),
    )
  })

  it('of any other length is the overload with bytes, as viem encodes it', () => {
    fc.assert(
      fc.property(authorization, bytes, (signed, signature) => {
        fc.pre(signature.length !== 132)
        const wanted = encodeFunctionData({ abi: byBytes, args: [...listed(signed), signature] })
        expect(transferCall(signed, signature)).toBe(wanted)
      }),
    )
  })
})

describe('the reads', () => {
  it('are as viem encodes them', () => {
    fc.assert(
      fc.property(authorization, hex(32), bytes, (signed, digest, signature) => {
        expect(authorizationStateCall(signed.from, signed.nonce)).toBe(
          encodeFunctionData({ abi: others, functionName: 'authorizationState', args: [signed.from, signed.nonce] }),
        )
        expect(balanceOfCall(signed.from)).toBe(
          encodeFunctionData({ abi: erc20Abi, functionName: 'balanceOf', args: [signed.from] }),
        )
        expect(isValidSignatureCall(Buffer.from(digest.slice(2), 'hex'), signature)).toBe(
          encodeFunctionData({ abi: others, functionName: 'isValidSignature', args: [digest, signature] }),
        )
      }),
    )
  })

  it('the magic value of EIP-1271 is the selector of isValidSignature', () => {
    const data = encodeFunctionData({
      abi: others,
      functionName: 'isValidSignature',
      args: [`0x${'0'.repeat(64)}`, '0x'],
    })
    expect(ERC1271_MAGIC).toBe(data.slice(0, 10))
  })
})
