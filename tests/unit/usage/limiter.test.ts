import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { MINUTE_MS } from '@/lib/core/clock'
import {
  createLimiter,
  type LimiterDeps,
  msUntilWindowFree,
  type SharedCounts,
  type TakeInput,
  type Taken,
} from '@/lib/usage/limiter'

vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })

const NOON = Date.parse('2026-11-21T12:00:00Z')
const PERIOD = { start: new Date('2026-11-01T00:00:00Z'), end: new Date('2026-12-01T00:00:00Z') }
const NO_LIMITS = { minute: null, hour: null, month: null, monthHard: null }

function setUp(changes: Partial<LimiterDeps> = {}) {
  const clock = { ms: NOON }
  const limiter = createLimiter({ now: () => clock.ms, shared: null, usedInPeriod: async () => 0, ...changes })
  return { clock, limiter }
}

const input = (changes: Partial<TakeInput> = {}): TakeInput => ({
  subject: 'ten_1:test',
  limits: NO_LIMITS,
  quota: { period: PERIOD, units: 1 },
  ...changes,
})
const limited = (limits: Partial<TakeInput['limits']>, changes: Partial<TakeInput> = {}) =>
  input({ limits: { ...NO_LIMITS, ...limits }, ...changes })

async function takeMany(limiter: ReturnType<typeof createLimiter>, count: number, what: TakeInput): Promise<Taken[]> {
  const taken: Taken[] = []
  for (let index = 0; index < count; index++) taken.push(await limiter.take(what))
  return taken
}

const passed = (taken: readonly Taken[]) => taken.filter(({ refusedBy }) => refusedBy === null).length

describe('counts of one process', () => {
  it.each(['minute', 'hour'] as const)(
    'let exactly the limit through in a %s, and name it when they refuse',
    async (name) => {
      const { limiter } = setUp()
      const taken = await takeMany(limiter, 15, limited({ [name]: 10 }))
      expect(passed(taken)).toBe(10)
      expect(taken.at(-1)?.refusedBy).toBe(name)
    },
  )

  it('a refused request is not counted', async () => {
    const { limiter } = setUp()
    const taken = await takeMany(limiter, 50, limited({ minute: 3 }))
    expect(taken.at(-1)?.minute.current).toBe(3)
  })

  it('requests that come at once are not let through at once', async () => {
    const { limiter } = setUp()
    const taken = await Promise.all(Array.from({ length: 50 }, () => limiter.take(limited({ minute: 10 }))))
    expect(passed(taken)).toBe(10)
  })

  it('serve again when the time that was told is over, and not before', async () => {
    const { limiter, clock } = setUp()
    clock.ms += 17_123
    const [, , , refused] = await takeMany(limiter, 4, limited({ minute: 3 }))
    const wait = msUntilWindowFree(refused as Taken, 'minute', 3)
    clock.ms += wait - 1
    expect((await limiter.take(limited({ minute: 3 }))).refusedBy).toBe('minute')
    clock.ms += 1
    expect((await limiter.take(limited({ minute: 3 }))).refusedBy).toBeNull()
  })

  it('keep subjects apart', async () => {
    const { limiter } = setUp()
    const mine = await takeMany(limiter, 3, limited({ minute: 2 }))
    const theirs = await takeMany(limiter, 3, limited({ minute: 2 }, { subject: 'ten_1:live' }))
    expect([passed(mine), passed(theirs)]).toEqual([2, 2])
  })
})

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

describe('counts that all processes share', () => {
  const taken = (changes: Partial<Taken> = {}): Taken => {
    const counts = { index: Math.floor(NOON / MINUTE_MS), current: 1, previous: 0 }
    return { refusedBy: null, minute: counts, hour: counts, month: 1, nowMs: NOON, ...changes }
  }

  function shared(answers: (Taken | 'needs_seed' | null)[]) {
    const asked: { input: TakeInput; seed: number | null }[] = []
    const given: string[] = []
    const outages = { count: 0 }
    const counts: SharedCounts = {
      take: async (what, seed) => {
        asked.push({ input: what, seed })
        return answers.length > 1 ? (answers.shift() as Taken) : (answers[0] as Taken)
      },
      outages: () => outages.count,
      giveBack: (subject, period) => void given.push(`${subject} ${period.start.toISOString()}`),
    }
    return { counts, asked, given, outages }
  }

  it('are believed', async () => {
    const refused = taken({ refusedBy: 'hour' })
    const { limiter } = setUp({ shared: shared([refused]).counts })
    expect(await limiter.take(input())).toBe(refused)
  })

  it('seed the month from the database and what is under way, once, when they have none', async () => {
    const { counts, asked } = shared(['needs_seed', taken({ month: 43 })])
    const { limiter } = setUp({ shared: counts, usedInPeriod: async () => 42 })
    expect((await limiter.take(input())).month).toBe(43)
    expect(asked.map(({ seed }) => seed)).toEqual([null, 42])
    await limiter.take(input())
    expect(asked.map(({ seed }) => seed)).toEqual([null, 42, null])
  })

  it('a later seed holds the units that are under way', async () => {
    const { counts, asked } = shared([taken(), taken(), 'needs_seed', taken()])
    const { limiter } = setUp({ shared: counts, usedInPeriod: async () => 40 })
    await takeMany(limiter, 3, input())
    expect(asked.at(-1)?.seed).toBe(42)
  })

  it('give a unit back when the answer was no verdict, and keep it when it was one', async () => {
    const { counts, given } = shared([taken()])
    const { limiter } = setUp({ shared: counts })
    await takeMany(limiter, 2, input())
    limiter.endUnit('ten_1:test', PERIOD, true)
    expect(given).toEqual([])
    limiter.endUnit('ten_1:test', PERIOD, false)
    expect(given).toEqual(['ten_1:test 2026-11-01T00:00:00.000Z'])
  })

  it('that cannot be asked cost accuracy, never a request: the process counts alone', async () => {
    const { limiter } = setUp({ shared: shared([null]).counts })
    expect(passed(await takeMany(limiter, 15, limited({ minute: 10 })))).toBe(10)
  })

  it('that want a seed which is not to be had do not refuse: the process counts alone', async () => {
    const { limiter } = setUp({ shared: shared(['needs_seed']).counts, usedInPeriod: async () => null })
    expect(passed(await takeMany(limiter, 15, limited({ month: 10, monthHard: 10 })))).toBe(10)
  })

  it('that go away in the middle of a minute do not give it anew', async () => {
    const { counts } = shared([taken(), taken(), taken(), null])
    const { limiter } = setUp({ shared: counts })
    expect(passed(await takeMany(limiter, 10, limited({ minute: 5 })))).toBe(5)
  })

  it('that go away do not give the month anew', async () => {
    const { counts } = shared([taken({ month: 9 }), null])
    const { limiter } = setUp({ shared: counts, usedInPeriod: async () => null })
    expect(passed(await takeMany(limiter, 10, limited({ month: 10, monthHard: 10 })))).toBe(2)
  })

  it('are not asked for what this process knows to be too much', async () => {
    const { counts, asked } = shared([taken()])
    const { limiter } = setUp({ shared: counts })
    await takeMany(limiter, 10, limited({ minute: 3 }))
    expect(asked).toHaveLength(3)
  })

  it('that were away are told the true count of the month, once for each caller', async () => {
    const { counts, asked, outages } = shared([taken()])
    const { limiter } = setUp({ shared: counts, usedInPeriod: async () => 90 })
    await limiter.take(input())
    outages.count++
    await limiter.take(input())
    await limiter.take(input())
    // What is still under way is in no store yet: the unit of the first request here.
    expect(asked.map(({ seed }) => seed)).toEqual([null, 91, null])
  })

  it('are slow without holding up the callers of other tenants', async () => {
    let release = (_: Taken | null) => {}
    const slow = new Promise<Taken | null>((resolve) => {
      release = resolve
    })
    const counts: SharedCounts = {
      take: ({ subject }) => (subject === 'ten_slow:test' ? slow : Promise.resolve(taken())),
      outages: () => 0,
      giveBack: () => undefined,
    }
    const { limiter } = setUp({ shared: counts })
    let isDone = false
    const waiting = limiter.take(input({ subject: 'ten_slow:test' })).then(() => {
      isDone = true
    })
    expect((await limiter.take(input())).refusedBy).toBeNull()
    await nextTurn()
    expect(isDone).toBe(false)
    release(null)
    await waiting
    expect(isDone).toBe(true)
  })
})
