import { beforeAll, describe, expect, it } from 'vitest'
import type { RunOptions, Scenario } from './scenario'
import type { Stage } from './stage'

/** Runs scenarios once, side by side, and holds the figures of each to each of its bounds in a test of its own. */
export function describeScenarios<Figures>(
  scenarios: readonly Scenario<Figures>[],
  stage: () => Stage,
  options: RunOptions,
): void {
  const figures = new Map<string, Figures>()
  describe(`for ${options.seconds} s`, () => {
    beforeAll(async () => {
      const run = async (scenario: Scenario<Figures>) =>
        figures.set(scenario.name, await scenario.run(stage(), options))
      await Promise.all(scenarios.map(run))
    })

    describe.each(scenarios)('$name', ({ name, bounds }) => {
      it.each(Object.entries(bounds))('%s', (_, holds) => {
        const measured = figures.get(name) as Figures
        expect(holds(measured), JSON.stringify(measured)).toBe(true)
      })
    })
  })
}
