import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { MINUTE_MS } from '@/lib/core/clock'
import type { SharedCounts, TakeInput, Taken } from '@/lib/usage/limiter'
import { input, limited, NOON, PERIOD, passed, setUp, takeMany } from '@/tests/support/limiter'

vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })

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
