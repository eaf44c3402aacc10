import { describe, expect, it, vi } from 'vitest'
import { msUntilWindowFree, type Taken } from '@/lib/usage/limiter'
import { limited, passed, setUp, takeMany } from '@/tests/support/limiter'

vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })

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
