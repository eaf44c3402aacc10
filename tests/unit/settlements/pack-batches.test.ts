import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import type { Hex } from '@/lib/core/hex'
import { gasLimitOf, type Measured, packBatches } from '@/lib/settlements/pack-batches'
import { aSettlement } from '@/tests/support/payment-rows'

const MOST_BYTES = 120_000
const MOST_GAS = 8_000_000n

type Options = { bytes?: number; gasUsed?: bigint; hasCode?: boolean; isAlone?: boolean }

/** A payment that passed its simulation. An account's calldata has 292 bytes, a wallet's may have thousands. */
function measured({ bytes = 292, gasUsed = 30_000n, hasCode = false, isAlone = false }: Options = {}): Measured {
  const callData: Hex = `0x${'11'.repeat(bytes)}`
  return { row: { ...aSettlement({ callData }), isAlone }, balance: 10n ** 9n, gasUsed, hasCode }
}
const many = (count: number, options?: Options) => Array.from({ length: count }, () => measured(options))
const sizes = (batches: readonly Measured[][]) => batches.map(({ length }) => length)
const bytesOf = (batch: readonly Measured[]) =>
  (encodeAggregate(batch.map(({ row }) => ({ target: row.asset, data: row.callData }))).length - 2) / 2

describe('payments are packed', () => {
  it('up to a hundred in a transaction, in their order', () => {
    const all = many(250)
    const batches = packBatches(all)
    expect(sizes(batches)).toEqual([100, 100, 50])
    expect(batches.flat()).toEqual(all)
  })

  it('as many as the gas allows, and no fewer', () => {
    const [first = [], second = []] = packBatches(many(90, { gasUsed: 100_000n }))
    expect(gasLimitOf(first)).toBeLessThanOrEqual(MOST_GAS)
    expect(gasLimitOf([...first, ...second.slice(0, 1)])).toBeGreaterThan(MOST_GAS)
  })

  it('the oldest into the first transaction, also when several are full', () => {
    const all = many(150)
    expect(packBatches([...all, measured({ hasCode: true })])[0]?.[0]).toBe(all[0])
  })

  it('as many as the bytes allow', () => {
    const batches = packBatches(many(60, { bytes: 4_000 }))
    expect(batches.length).toBeGreaterThan(1)
    for (const batch of batches) expect(bytesOf(batch)).toBeLessThanOrEqual(MOST_BYTES)
  })

  it('nothing into no transaction', () => {
    expect(packBatches([])).toEqual([])
  })

  it('a payer with code alone, for it could use up the gas of all others', () => {
    const [first, wallet, last] = [measured(), measured({ hasCode: true }), measured()]
    expect(packBatches([first, wallet, last])).toEqual([[first, last], [wallet]])
  })

  it('what must not share a transaction alone, though its payer has no code now', () => {
    const [one, other] = [measured({ isAlone: true }), measured()]
    expect(packBatches([one, other])).toEqual([[other], [one]])
  })

  it('what is too large for every batch alone, and not left out', () => {
    const [large, small] = [measured({ gasUsed: 9_000_000n }), measured()]
    expect(packBatches([large, small]).flat()).toHaveLength(2)
    expect(packBatches([large, small])).toContainEqual([large])
  })

  it('each exactly once, and every shared transaction within all caps', () => {
    const options = fc.record({
      bytes: fc.integer({ min: 292, max: 9_000 }),
      gasUsed: fc.bigInt({ min: 30_000n, max: 900_000n }),
      hasCode: fc.boolean(),
      isAlone: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(options, { maxLength: 150 }), (given) => {
        const all = given.map(measured)
        const batches = packBatches(all)
        expect(batches.flat()).toHaveLength(all.length)
        expect(new Set(batches.flat())).toEqual(new Set(all))
        for (const batch of batches.filter(({ length }) => length > 1)) {
          expect(batch.length).toBeLessThanOrEqual(100)
          expect(bytesOf(batch)).toBeLessThanOrEqual(MOST_BYTES)
          expect(gasLimitOf(batch)).toBeLessThanOrEqual(MOST_GAS)
          expect(batch.some(({ hasCode, row }) => hasCode || row.isAlone)).toBe(false)
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('the gas of a transaction', () => {
  it('is never below what was simulated, three tenths more, and the transaction’s own', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 900_000n }), { maxLength: 100 }), (used) => {
        const sum = used.reduce((total, gasUsed) => total + gasUsed, 0n)
        const limit = gasLimitOf(used.map((gasUsed) => measured({ gasUsed })))
        expect(limit).toBeGreaterThanOrEqual((sum * 13n) / 10n + 50_000n)
      }),
    )
  })

  it('pays for the calldata of each payment as well', () => {
    const calldata = 16n * 100_000n
    expect(gasLimitOf([measured({ bytes: 100_000 })]) - gasLimitOf([measured({ bytes: 0 })])).toBeGreaterThan(calldata)
  })
})
