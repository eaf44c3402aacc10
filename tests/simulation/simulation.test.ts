import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { TRANSITIONS } from '@/lib/core/settlement-states'
import { acceptsAnyTransfer, believesEveryBlock, takesSilenceForNever } from './broken-chains'
import { type Played, play } from './play'
import type { Lean } from './scenario'
import type { Flaw } from './tables'
import type { WorldOptions } from './world'

/** PAYPROOF_SEED plays one schedule and shows it; PAYPROOF_SCHEDULES plays so many from a seed drawn anew. */
const { PAYPROOF_SEED: SEED, PAYPROOF_SCHEDULES: MANY } = process.env
const SHORT = 2_000
const SCHEDULES = SEED ? 1 : Number(MANY ?? SHORT)
const PATIENCE_MS = 180_000 + SCHEDULES * 50
const SHOWN = 5
const ANSWERS = ['paid', 'duplicate', 'pending', 'refused']

function firstSeed(): number {
  if (SEED) return Number(SEED)
  return MANY ? randomInt(1, 2 ** 31) : 1
}

function describeFailure(seed: number, { problems, faults, lines }: Played): string {
  const history = SEED ? `\n${lines.join('\n')}` : ''
  return `PAYPROOF_SEED=${seed} (${faults.join(', ')}): ${problems.join('; ')}${history}`
}

/** The seed of the first schedule in which something comes out; null when nothing does. */
async function firstFound(options: Omit<WorldOptions, 'seed'>): Promise<number | null> {
  for (let seed = 1; seed <= SHORT; seed++) {
    const { problems } = await play({ ...options, seed })
    if (problems.length > 0) return seed
  }
  return null
}

describe('settlement under a scheduler that orders every call', () => {
  it('keeps every invariant, whatever comes between any two calls', { timeout: PATIENCE_MS }, async () => {
    const first = firstSeed()
    const failures: string[] = []
    const startedAt = performance.now()
    let steps = 0
    for (let seed = first; seed < first + SCHEDULES; seed++) {
      const played = await play({ seed, keepsLines: SEED !== undefined })
      steps += played.steps
      if (played.problems.length > 0) failures.push(describeFailure(seed, played))
    }
    const seconds = (performance.now() - startedAt) / 1_000
    const perSecond = Math.round(SCHEDULES / seconds)
    if (MANY)
      console.log(JSON.stringify({ firstSeed: first, schedules: SCHEDULES, steps, perSecond, failed: failures.length }))
    expect(failures.slice(0, SHOWN).join('\n\n')).toBe('')
    expect(steps).toBeGreaterThan(SCHEDULES * 50)
  })

  it('comes to every change of state and every kind of answer there is', async () => {
    const reached = new Set<string>()
    for (let seed = 1; seed <= 300; seed++) {
      const { transitions, answers } = await play({ seed })
      for (const name of [...transitions, ...answers]) reached.add(name)
    }
    expect([...reached].sort()).toEqual([...Object.keys(TRANSITIONS), ...ANSWERS].sort())
  })

  it('plays the same seed the same way, to the last call', async () => {
    for (const seed of [3, 14, 159, 2_653]) {
      const [once, again] = [await play({ seed, keepsLines: true }), await play({ seed, keepsLines: true })]
      expect(again.lines).toEqual(once.lines)
      expect(again.fingerprint).toBe(once.fingerprint)
      expect(once.lines.length).toBeGreaterThan(100)
    }
    expect((await play({ seed: 4 })).fingerprint).not.toBe((await play({ seed: 3 })).fingerprint)
  })
})

const REORGS: Lean = { theme: ['reorg', 'reorg', 'drained', 'drained', 'standstill'] }
const PREEMPTIONS: Lean = { theme: ['submitted', 'submitted', 'standstill', 'client_standstill'], waitMs: 4_000 }

describe('what is broken on purpose', () => {
  const FLAWS: [string, Flaw, Lean?][] = [
    ['a store that grants without its condition', 'grants_twice'],
    ['a store that lets a key be claimed twice', 'claims_twice'],
    ['a store without compare-and-set', 'ignores_version'],
    ['a store that takes the writes of an older fence', 'ignores_fence'],
    ['a store that ignores what is in flight', 'ignores_flights'],
    ['a store that gives a nonce again', 'forgets_nonce'],
    ['a store that decides a transaction twice', 'decides_twice'],
    ['a store that keeps its ledger when a block is gone', 'keeps_ledger_on_reorg'],
    ['a store that calls our own transfer another’s', 'calls_own_transfer_anothers', REORGS],
    ['a store that frees no row before its deadline, whatever its seller is told', 'waits_for_deadline'],
    ['a store that pays a row which was released', 'pays_released', PREEMPTIONS],
  ]
  it.each(FLAWS)('%s is found out', { timeout: PATIENCE_MS }, async (_, flaw, lean = {}) => {
    expect(await firstFound({ flaws: [flaw], lean })).not.toBeNull()
  })

  it.each([
    ['a judge that accepts any transfer of the amount', acceptsAnyTransfer],
    ['a worker that calls every block final', believesEveryBlock],
    ['a worker that does not see its own transfers', takesSilenceForNever],
  ])('%s is found out', { timeout: PATIENCE_MS }, async (_, asSeen) => {
    expect(await firstFound({ asSeen })).not.toBeNull()
  })
})
