import fc from 'fast-check'
import { decodeFunctionResult, encodeFunctionData, encodeFunctionResult, multicall3Abi } from 'viem'
import { describe, expect, it } from 'vitest'
import { decodeAggregate, encodeAggregate } from '@/lib/adapters/chain/multicall'
import type { Hex } from '@/lib/core/hex'

const toHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(toHex)
const bytes = fc.uint8Array({ maxLength: 150 }).map(toHex)
const calls = fc.array(fc.record({ target: address, data: bytes }), { maxLength: 8 })
const results = fc.array(fc.record({ ok: fc.boolean(), data: bytes }), { maxLength: 8 })

const answer = (entries: readonly { ok: boolean; data: Hex }[]) =>
  encodeFunctionResult({
    abi: multicall3Abi,
    functionName: 'aggregate3',
    result: entries.map(({ ok, data }) => ({ success: ok, returnData: data })),
  })

describe('encodeAggregate', () => {
  it('is aggregate3 as viem encodes it', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const args = list.map(({ target, data }) => ({ target, allowFailure: true, callData: data }))
        const wanted = encodeFunctionData({ abi: multicall3Abi, functionName: 'aggregate3', args: [args] })
        expect(encodeAggregate(list)).toBe(wanted)
      }),
      { numRuns: 300 },
    )
  })
})

describe('decodeAggregate', () => {
  it('reads what viem reads', () => {
    fc.assert(
      fc.property(results, (entries) => {
        const data = answer(entries)
        const byViem = decodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', data })
        const wanted = byViem.map(({ success, returnData }) => ({ ok: success, data: returnData }))
        expect(decodeAggregate(data, entries.length)).toEqual(wanted)
      }),
      { numRuns: 300 },
    )
  })

  it('an answer to another number of calls is null', () => {
    fc.assert(
      fc.property(results, fc.integer({ min: 0, max: 9 }), (entries, count) => {
        fc.pre(count !== entries.length)
        expect(decodeAggregate(answer(entries), count)).toBeNull()
      }),
    )
  })

  it('an answer cut off at any place is null, or holds nothing that was cut', () => {
    fc.assert(
      fc.property(results, fc.nat(), (entries, place) => {
        const whole = answer(entries)
        const cut = whole.slice(0, place % whole.length)
        const decoded = decodeAggregate(cut, entries.length)
        if (decoded) expect(decoded).toEqual(entries)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([null, undefined, 7, {}, [], '', '0x', 'error', '0x0', true])('%j is null', (absurd) => {
    expect(decodeAggregate(absurd, 2)).toBeNull()
  })

  it('never throws, whatever hex comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }).map(toHex), fc.integer({ min: 0, max: 4 }), (hex, count) => {
        const decoded = decodeAggregate(hex, count)
        expect(decoded === null || decoded.length === count).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  it('never throws and never reads past the end when one word of a good answer is replaced', () => {
    const odd = fc.constantFrom(
      'f'.repeat(64),
      '0'.repeat(64),
      '1'.padStart(64, '0'),
      '21'.padStart(64, '0'),
      'ffffffff'.padStart(64, '0'),
      `8${'0'.repeat(63)}`,
    )
    fc.assert(
      fc.property(results, fc.nat(), odd, (entries, place, word) => {
        const hex = answer(entries).slice(2)
        const at = (place % (hex.length / 64)) * 64
        const decoded = decodeAggregate(`0x${hex.slice(0, at)}${word}${hex.slice(at + 64)}`, entries.length)
        for (const { data } of decoded ?? []) expect(data).toMatch(/^0x([0-9a-f]{2})*$/)
      }),
      { numRuns: 2_000 },
    )
  })

  it('an answer that is not hex throughout is null: nothing later may trip over it', () => {
    const good = answer([{ ok: true, data: `0x${'00'.repeat(32)}` }])
    expect(decodeAggregate(good, 1)).not.toBeNull()
    expect(decodeAggregate(`${good.slice(0, -2)}zz`, 1)).toBeNull()
  })
})
