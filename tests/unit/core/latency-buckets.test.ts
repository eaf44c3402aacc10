import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LATENCY_BOUNDS_MS, LATENCY_BUCKETS, latencyBucket, percentile } from '@/lib/core/latency-buckets'

const LAST_MS = LATENCY_BOUNDS_MS[LATENCY_BOUNDS_MS.length - 1] as number
const durationsUs = fc.array(fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 5_000_000 })), {
  minLength: 1,
  maxLength: 300,
})
const share = fc.constantFrom(0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1)

function histogram(durations: readonly number[]): number[] {
  const counts = new Array<number>(LATENCY_BUCKETS).fill(0)
  for (const duration of durations) counts[latencyBucket(duration)] = (counts[latencyBucket(duration)] ?? 0) + 1
  return counts
}

describe('latencyBucket', () => {
  it('puts a duration into the first bucket whose bound it does not pass', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (durationUs) => {
        const bucket = latencyBucket(durationUs)
        expect(durationUs).toBeLessThanOrEqual((LATENCY_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY) * 1_000)
        expect(durationUs).toBeGreaterThan(bucket === 0 ? -1 : (LATENCY_BOUNDS_MS[bucket - 1] as number) * 1_000)
      }),
    )
  })

  it('the bounds rise, so that no bucket is empty by construction', () => {
    expect([...LATENCY_BOUNDS_MS].sort((a, b) => a - b)).toEqual(LATENCY_BOUNDS_MS)
    expect(new Set(LATENCY_BOUNDS_MS).size).toBe(LATENCY_BOUNDS_MS.length)
  })

  it('the bounds of stored histograms never change, they are only added to', () => {
    expect(LATENCY_BOUNDS_MS.slice(0, 18)).toEqual([
      1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1_200, 2_000, 3_000,
    ])
  })
})

describe('percentile', () => {
  it('lies in the bucket of the true percentile', () => {
    fc.assert(
      fc.property(durationsUs, share, (durations, wanted) => {
        const sorted = [...durations].sort((a, b) => a - b)
        const exactUs = sorted[Math.max(1, Math.ceil(wanted * sorted.length)) - 1] as number
        const bucket = latencyBucket(exactUs)
        const lower = bucket === 0 ? 0 : (LATENCY_BOUNDS_MS[bucket - 1] as number)
        const got = percentile(histogram(durations), wanted) as number
        expect(got).toBeGreaterThanOrEqual(lower)
        expect(got).toBeLessThanOrEqual(LATENCY_BOUNDS_MS[bucket] ?? LAST_MS)
      }),
      { numRuns: 1_000 },
    )
  })

  it('never falls when the share rises', () => {
    fc.assert(
      fc.property(durationsUs, (durations) => {
        const counts = histogram(durations)
        const rising = [0.1, 0.5, 0.9, 0.95, 0.99, 1].map((wanted) => percentile(counts, wanted) as number)
        expect([...rising].sort((a, b) => a - b)).toEqual(rising)
      }),
    )
  })

  it('of nothing is null', () => {
    expect(percentile([], 0.5)).toBeNull()
    expect(percentile(new Array<number>(LATENCY_BUCKETS).fill(0), 0.5)).toBeNull()
  })

  it('beyond the last bound is that bound', () => {
    expect(percentile(histogram([60_000_000]), 0.99)).toBe(LAST_MS)
  })
})
