import { createLimiter, type LimiterDeps, type TakeInput, type Taken } from '@/lib/usage/limiter'

export const NOON = Date.parse('2026-11-21T12:00:00Z')
export const PERIOD = { start: new Date('2026-11-01T00:00:00Z'), end: new Date('2026-12-01T00:00:00Z') }
const NO_LIMITS = { minute: null, hour: null, month: null, monthHard: null }

/** A limiter by a clock that a test moves. */
export function setUp(changes: Partial<LimiterDeps> = {}) {
  const clock = { ms: NOON }
  const limiter = createLimiter({ now: () => clock.ms, shared: null, usedInPeriod: async () => 0, ...changes })
  return { clock, limiter }
}

/** One request with a unit, without any limit. */
export const input = (changes: Partial<TakeInput> = {}): TakeInput => ({
  subject: 'ten_1:test',
  limits: NO_LIMITS,
  quota: { period: PERIOD, units: 1 },
  ...changes,
})
/** The same with limits. */
export const limited = (limits: Partial<TakeInput['limits']>, changes: Partial<TakeInput> = {}) =>
  input({ limits: { ...NO_LIMITS, ...limits }, ...changes })

/** One request after the other. */
export async function takeMany(
  limiter: ReturnType<typeof createLimiter>,
  count: number,
  what: TakeInput,
): Promise<Taken[]> {
  const taken: Taken[] = []
  for (let index = 0; index < count; index++) taken.push(await limiter.take(what))
  return taken
}

/** How many were let through. */
export const passed = (taken: readonly Taken[]) => taken.filter(({ refusedBy }) => refusedBy === null).length
