import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { MINUTE_MS } from '@/lib/core/clock'
import { input, limited, PERIOD, passed, setUp, takeMany } from '@/tests/support/limiter'

vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })

describe('the month', () => {
  const month = (monthHard: number, units: 0 | 1 = 1) =>
    limited({ month: monthHard, monthHard }, { quota: { period: PERIOD, units } })

  it('lets exactly the hard limit through', async () => {
    const { limiter } = setUp()
    const taken = await takeMany(limiter, 15, month(10))
    expect(passed(taken)).toBe(10)
    expect(taken.at(-1)).toMatchObject({ refusedBy: 'month', month: 10 })
  })

  it('goes on from what was used before this process began', async () => {
    const { limiter } = setUp({ usedInPeriod: async () => 7 })
    expect(passed(await takeMany(limiter, 15, month(10)))).toBe(3)
  })

  it('a request without a unit passes when the month is used up, and is told so', async () => {
    const { limiter } = setUp({ usedInPeriod: async () => 10 })
    expect(await limiter.take(month(10, 0))).toMatchObject({ refusedBy: null, month: 10 })
    expect(await limiter.take(month(10, 1))).toMatchObject({ refusedBy: 'month', month: 10 })
  })

  it('a unit that is given back can be taken again; one that is kept cannot', async () => {
    const { limiter } = setUp()
    await takeMany(limiter, 2, month(2))
    limiter.endUnit('ten_1:test', PERIOD, true)
    expect((await limiter.take(month(2))).refusedBy).toBe('month')
    limiter.endUnit('ten_1:test', PERIOD, false)
    expect((await limiter.take(month(2))).refusedBy).toBeNull()
    expect((await limiter.take(month(2))).refusedBy).toBe('month')
  })

  it('minute and hour are not given back', async () => {
    const { limiter } = setUp()
    await limiter.take(limited({ minute: 1 }))
    limiter.endUnit('ten_1:test', PERIOD, false)
    expect((await limiter.take(limited({ minute: 1 }))).refusedBy).toBe('minute')
  })

  it('a refused request takes no unit', async () => {
    const { limiter } = setUp()
    const taken = await takeMany(limiter, 5, limited({ minute: 2, month: 100, monthHard: 100 }))
    expect(taken.at(-1)).toMatchObject({ refusedBy: 'minute', month: 2 })
  })

  it('a new period begins with what was used in it, and a unit of the old one is not given back to it', async () => {
    const used = new Map([[PERIOD.start.getTime(), 10]])
    const { limiter } = setUp({ usedInPeriod: async (_, { start }) => used.get(start.getTime()) ?? 0 })
    expect((await limiter.take(month(10))).refusedBy).toBe('month')
    const next = { start: PERIOD.end, end: new Date('2027-01-01T00:00:00Z') }
    const inNext = limited({ month: 1, monthHard: 1 }, { quota: { period: next, units: 1 } })
    expect((await limiter.take(inNext)).refusedBy).toBeNull()
    limiter.endUnit('ten_1:test', PERIOD, false)
    expect((await limiter.take(inNext)).refusedBy).toBe('month')
  })

  it('looks once a minute at what the other processes used', async () => {
    let used = 0
    let asked = 0
    const usedInPeriod = async () => {
      asked++
      return used
    }
    const { limiter, clock } = setUp({ usedInPeriod })
    await takeMany(limiter, 5, month(100))
    expect(asked).toBe(1)
    used = 100
    clock.ms += MINUTE_MS - 1
    expect((await limiter.take(month(100))).refusedBy).toBeNull()
    clock.ms += 1
    expect((await limiter.take(month(100))).refusedBy).toBe('month')
    expect(asked).toBe(2)
  })

  it('counts units under way, which the database does not know yet, when it looks again', async () => {
    const { limiter, clock } = setUp()
    await takeMany(limiter, 10, month(10))
    clock.ms += MINUTE_MS
    expect((await limiter.take(month(10))).refusedBy).toBe('month')
  })

  it('is served from what this process knows while the database is away', async () => {
    const { limiter, clock } = setUp({ usedInPeriod: async () => null })
    expect(passed(await takeMany(limiter, 12, month(10)))).toBe(10)
    clock.ms += MINUTE_MS
    expect((await limiter.take(month(10))).refusedBy).toBe('month')
  })

  it('lets exactly the limit through when many ask at once and the database answers in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 6 }), async (scheduler, hard) => {
        const usedInPeriod = scheduler.scheduleFunction(async () => 0)
        const { limiter } = setUp({ usedInPeriod })
        const under = Promise.all(Array.from({ length: 12 }, () => limiter.take(month(hard))))
        await scheduler.waitFor(under)
        expect(passed(await under)).toBe(hard)
      }),
      { numRuns: 50 },
    )
  })

  it('a unit that was taken for a caller forgotten meanwhile is not given twice', async () => {
    const { limiter } = setUp({ usedInPeriod: async () => 10 })
    await limiter.take(limited({ month: 11, monthHard: 11 }))
    for (let other = 0; other < 200_001; other++) await limiter.take(input({ subject: `ip:${other}`, quota: null }))
    limiter.endUnit('ten_1:test', PERIOD, true)
    expect((await limiter.take(month(10))).refusedBy).toBe('month')
  })
})
