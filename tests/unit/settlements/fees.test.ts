import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FeeOffer, firstOffer, higherOffer } from '@/lib/settlements/fees'

const GWEI = 10n ** 9n
const CAP = 200n * GWEI
const anyWei = fc.bigInt({ min: 0n, max: 400n * GWEI })
const fees = fc.record({ baseFeeWei: anyWei, tipWei: anyWei })
const cap = fc.bigInt({ min: 1n, max: 300n * GWEI })

/** Whether a node takes it in the place of another: both fees a tenth higher, at least. */
const replaces = (next: FeeOffer, last: FeeOffer) =>
  next.maxFeeWei * 10n >= last.maxFeeWei * 11n && next.tipWei * 10n >= last.tipWei * 11n

describe('the first offer', () => {
  it('leaves room for the base fee to double', () => {
    expect(firstOffer({ baseFeeWei: 30n, tipWei: 2n }, CAP)).toEqual({ maxFeeWei: 62n, tipWei: 2n })
  })

  it('never goes above the cap, and the tip never above the whole', () => {
    fc.assert(
      fc.property(fees, cap, (market, most) => {
        const offer = firstOffer(market, most)
        expect(offer.maxFeeWei).toBeLessThanOrEqual(most)
        expect(offer.tipWei).toBeLessThanOrEqual(offer.maxFeeWei)
      }),
    )
  })
})

describe('a higher offer for the same nonce', () => {
  it('is a quarter more than the last, where the market asks no more', () => {
    const last = { maxFeeWei: 100n * GWEI, tipWei: 4n * GWEI }
    const next = higherOffer(last, { baseFeeWei: 1n, tipWei: 1n }, CAP)
    expect(next).toEqual({ maxFeeWei: 125n * GWEI + 1n, tipWei: 5n * GWEI + 1n })
  })

  it('is what the market asks, where that is more', () => {
    const last = { maxFeeWei: 4n, tipWei: 1n }
    expect(higherOffer(last, { baseFeeWei: 30n * GWEI, tipWei: GWEI }, CAP)).toEqual({
      maxFeeWei: 61n * GWEI,
      tipWei: GWEI,
    })
  })

  it('of nothing is more than nothing: some chains ask for no tip', () => {
    const next = higherOffer({ maxFeeWei: 0n, tipWei: 0n }, { baseFeeWei: 0n, tipWei: 0n }, CAP)
    expect(next).toEqual({ maxFeeWei: 1n, tipWei: 1n })
  })

  it('is the cap where a quarter more would pass it, and none where the cap is less than a tenth more', () => {
    const market = { baseFeeWei: 1n, tipWei: 1n }
    expect(higherOffer({ maxFeeWei: 170n * GWEI, tipWei: 1n }, market, CAP)).toEqual({ maxFeeWei: CAP, tipWei: 2n })
    expect(higherOffer({ maxFeeWei: 182n * GWEI, tipWei: 1n }, market, CAP)).toBeNull()
    expect(higherOffer({ maxFeeWei: CAP, tipWei: 1n }, market, CAP)).toBeNull()
  })

  it('is one that nodes take: both fees a tenth higher or more, the whole within the cap', () => {
    const last = fc.record({ maxFeeWei: anyWei, share: fc.integer({ min: 0, max: 100 }) })
    fc.assert(
      fc.property(last, fees, cap, ({ maxFeeWei, share }, market, most) => {
        const before = { maxFeeWei, tipWei: (maxFeeWei * BigInt(share)) / 100n }
        const next = higherOffer(before, market, most)
        if (next === null) return
        expect(next.maxFeeWei).toBeLessThanOrEqual(most)
        expect(next.tipWei).toBeLessThanOrEqual(next.maxFeeWei)
        expect(replaces(next, before)).toBe(true)
      }),
    )
  })

  it('comes to an end: from any first offer the cap is reached within few steps', () => {
    fc.assert(
      fc.property(fees, cap, (market, most) => {
        let offer: FeeOffer | null = firstOffer(market, most)
        let steps = 0
        while (offer) {
          offer = higherOffer(offer, market, most)
          steps++
        }
        expect(steps).toBeLessThan(200)
      }),
    )
  })
})
