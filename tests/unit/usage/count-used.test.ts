import { expect, it } from 'vitest'
import { countUsed } from '@/lib/usage/count-used'

const MONTH = { tenantId: 'ten_1', mode: 'test', start: new Date('2026-11-01T00:00:00Z') }

/** A log that writes a batch while the database is asked, as often as `moves` says. */
function setUp(moves: number, atRest: () => Promise<void> = async () => undefined) {
  const state = { stored: 0, waiting: 100, batches: 0, asked: 0 }
  const usage = {
    async used() {
      const answer = state.stored
      if (state.asked++ < moves) {
        state.batches++
        state.stored += 10
        state.waiting -= 10
      }
      return answer
    },
  }
  const log = {
    pendingUnits: () => state.waiting,
    atRest,
    get batches() {
      return state.batches
    },
  }
  return { state, count: () => countUsed({ usage, log }, MONTH) }
}

it('adds what waits to what is stored', async () => {
  const { state, count } = setUp(0)
  expect([await count(), state.asked]).toEqual([100, 1])
})

it('a batch that is written while the database is asked counts once', async () => {
  for (const moves of [1, 2, 4]) expect(await setUp(moves).count()).toBe(100)
})

it('answers at last, however busy the log is', async () => {
  const { state, count } = setUp(1_000)
  await count()
  expect(state.asked).toBe(5)
})

it('does not wait behind a batch that a hanging database holds up', async () => {
  const startedAt = performance.now()
  expect(await setUp(0, () => new Promise(() => undefined)).count()).toBe(100)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})
