import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EMPTY_WINDOW, msUntilFree, slidingCount, type WindowCounts, windowAt } from '@/lib/usage/sliding-window'

const WINDOW_MS = 60_000

/** Lets requests through as the limiter does, and gives the times of those that passed. */
function admit(timesMs: readonly number[], limit: number): number[] {
  let counts: WindowCounts = EMPTY_WINDOW
  const admitted: number[] = []
  for (const nowMs of timesMs) {
    counts = windowAt(counts, WINDOW_MS, nowMs)
    if (slidingCount(counts, WINDOW_MS, nowMs) >= limit) continue
    counts = { ...counts, current: counts.current + 1 }
    admitted.push(nowMs)
  }
  return admitted
}

const limitOf = fc.integer({ min: 1, max: 50 })
/** Bursts and pauses, over some windows. */
const timesMs = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 3_000 }), fc.integer({ max: 70_000, min: 0 })),
    {
      minLength: 1,
      maxLength: 400,
    },
  )
  .map((gaps) => {
    let nowMs = 1_700_000_000_000
    return gaps.map((gap) => {
      nowMs += gap
      return nowMs
    })
  })

const within = (times: readonly number[], fromMs: number, toMs: number) =>
  times.filter((time) => time > fromMs && time <= toMs).length

describe('the sliding window', () => {
  it('never lets more than the limit through in any fixed window', () => {
    fc.assert(
      fc.property(timesMs, limitOf, (times, limit) => {
        const perWindow = new Map<number, number>()
        for (const time of admit(times, limit)) {
          const index = Math.floor(time / WINDOW_MS)
          perWindow.set(index, (perWindow.get(index) ?? 0) + 1)
        }
        for (const count of perWindow.values()) expect(count).toBeLessThanOrEqual(limit)
      }),
      { numRuns: 500 },
    )
  })

  it('never lets more than the limit through in any window of its length, beyond the share by which the earlier window is taken to be even', () => {
    fc.assert(
      fc.property(timesMs, limitOf, (times, limit) => {
        const admitted = admit(times, limit)
        for (const time of admitted) {
          const edge = Math.floor(time / WINDOW_MS) * WINDOW_MS
          const earlier = within(admitted, edge - WINDOW_MS - 1, edge - 1)
          const evenShare = Math.floor((earlier * (WINDOW_MS - (time - edge))) / WINDOW_MS)
          const reallyInReach = within(admitted, time - WINDOW_MS, edge - 1)
          const unevenness = Math.max(0, reallyInReach - evenShare)
          expect(within(admitted, time - WINDOW_MS, time)).toBeLessThanOrEqual(limit + unevenness)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('lets at most one more than the limit through around an edge, however hard it is pushed', () => {
    for (const limit of [1, 2, 10, 100, 2_000]) {
      const edge = 28_333_333 * WINDOW_MS
      const burst = (atMs: number) => new Array<number>(3 * limit).fill(atMs)
      const admitted = admit([...burst(edge - 1), ...burst(edge), ...burst(edge + 1)], limit)
      expect(admitted.length).toBeGreaterThanOrEqual(limit)
      expect(admitted.length).toBeLessThanOrEqual(limit + 1)
    }
  })

  it.each([
    [10, 5],
    [100, 5],
    [500, 20],
    [2_000, 50],
  ])(
    'a limit of %i that is asked for %i times over is used up, and passed by less than a hundredth',
    (limit, times) => {
      const windows = 10
      const start = 28_333_333 * WINDOW_MS
      const perWindow = limit * times
      const asked = Array.from({ length: perWindow * windows }, (_, index) =>
        Math.floor(start + (index * WINDOW_MS) / perWindow),
      )
      const admitted = admit(asked, limit).length
      expect(admitted).toBeGreaterThanOrEqual(limit * windows)
      expect(admitted).toBeLessThanOrEqual(limit * windows * 1.01)
    },
  )

  it('forgets what is two windows back', () => {
    const counts = { index: 10, current: 5, previous: 3 }
    expect(windowAt(counts, WINDOW_MS, 10 * WINDOW_MS)).toEqual(counts)
    expect(windowAt(counts, WINDOW_MS, 11 * WINDOW_MS)).toEqual({ index: 11, current: 0, previous: 5 })
    expect(windowAt(counts, WINDOW_MS, 12 * WINDOW_MS)).toEqual({ index: 12, current: 0, previous: 0 })
  })
})

describe('msUntilFree', () => {
  const state = fc.record({
    current: fc.integer({ min: 0, max: 3_000 }),
    previous: fc.integer({ min: 0, max: 3_000 }),
    limit: fc.integer({ min: 1, max: 2_000 }),
    nowMs: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_120_000 }),
    windowMs: fc.constantFrom(60_000, 3_600_000),
  })

  it('really frees: after it one more request fits, and a millisecond earlier none did', () => {
    fc.assert(
      fc.property(state, ({ current, previous, limit, nowMs, windowMs }) => {
        const counts = { index: Math.floor(nowMs / windowMs), current, previous }
        const fitsAfter = (ms: number) =>
          slidingCount(windowAt(counts, windowMs, nowMs + ms), windowMs, nowMs + ms) < limit
        const wait = msUntilFree(counts, limit, windowMs, nowMs)
        expect(fitsAfter(wait)).toBe(true)
        if (wait > 0) expect(fitsAfter(wait - 1)).toBe(false)
        expect(wait).toBeLessThanOrEqual(2 * windowMs)
      }),
      { numRuns: 3_000 },
    )
  })

  it('of a limit of zero is a whole window, for it never frees', () => {
    expect(msUntilFree(EMPTY_WINDOW, 0, WINDOW_MS, 1_700_000_000_000)).toBe(WINDOW_MS)
  })
})
