import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TRANSITIONS } from '@/lib/core/settlement-states'
import type { LocalPostgres } from '@/scripts/local/postgres'
import { GRANT } from '@/tests/support/crash-points'
import type { HistoryFigures } from '@/tests/support/settlement-history/history'
import { startTestPostgres } from '@/tests/support/stack'
import { CRASH_LANES, SHORT_SETTLEMENT_SCENARIOS } from './settlement-scenarios'
import { RECIPES } from './transition-recipes'

const PATIENCE_MS = 300_000

let postgres: LocalPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())

describe('the crashes', () => {
  it('come to every change of state that there is, to the send and to the grant', () => {
    const points = [...Object.keys(TRANSITIONS), 'send', GRANT].sort()
    expect(CRASH_LANES.flat().sort()).toEqual(points)
    expect(Object.keys(RECIPES).sort()).toEqual(points)
  })
})

describe.each(SHORT_SETTLEMENT_SCENARIOS.map((scenarios) => ({ scenarios })))('side by side', ({ scenarios }) => {
  const figures = new Map<string, HistoryFigures>()
  beforeAll(async () => {
    await Promise.all(
      scenarios.map(async ({ name, run }) =>
        figures.set(name, await run({ databaseUrl: postgres.url }, { seconds: 0 })),
      ),
    )
  }, PATIENCE_MS)

  describe.each(scenarios)('$name', ({ name, bounds }) => {
    it.each(Object.entries(bounds))('%s', (_, holds) => {
      const measured = figures.get(name) as HistoryFigures
      expect(holds(measured), JSON.stringify(measured)).toBe(true)
    })
  })
})
