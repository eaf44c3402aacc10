import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type IdKind, idTimeMs, newId } from '@/lib/core/ids'

const KINDS = {
  tenant: 'ten',
  apiKey: 'key',
  verification: 'ver',
  request: 'req',
  limitOverride: 'lim',
  settlement: 'set',
  transaction: 'txn',
} as const
const kind = fc.constantFrom(...(Object.keys(KINDS) as IdKind[]))
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 })

describe('newId', () => {
  it.each(Object.entries(KINDS))('an id of the kind %s begins with %s_', (name, prefix) => {
    expect(newId(name as IdKind, Date.now())).toMatch(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`))
  })

  it('sorts by time', () => {
    fc.assert(
      fc.property(timeMs, timeMs, (one, other) => {
        fc.pre(one !== other)
        const [early, late] = [newId('verification', Math.min(one, other)), newId('verification', Math.max(one, other))]
        expect(early < late).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('50,000 ids of one millisecond are all different', () => {
    const nowMs = Date.now()
    const ids = new Set(Array.from({ length: 50_000 }, () => newId('verification', nowMs)))
    expect(ids.size).toBe(50_000)
  })

  it('every random character of the alphabet comes up about equally often', () => {
    const counts = new Map<string, number>()
    for (let round = 0; round < 2_000; round++) {
      for (const char of newId('request', 0).slice(-16)) counts.set(char, (counts.get(char) ?? 0) + 1)
    }
    expect(counts.size).toBe(32)
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(250)
  })
})

describe('idTimeMs', () => {
  it('gives back the time an id was made at', () => {
    fc.assert(
      fc.property(kind, timeMs, (name, nowMs) => {
        expect(idTimeMs(name, newId(name, nowMs))).toBe(nowMs)
      }),
      { numRuns: 1_000 },
    )
  })

  it('is null for an id of another kind', () => {
    expect(idTimeMs('apiKey', newId('tenant', 1))).toBeNull()
  })

  it('is null for anything that is not an id, and never throws', () => {
    fc.assert(
      fc.property(kind, fc.string(), (name, text) => {
        expect(idTimeMs(name, text)).toBeNull()
        expect(idTimeMs(name, `${KINDS[name]}_${text.slice(0, 25)}`)).toBeNull()
      }),
    )
  })

  it('is null for one that is too long, too short, in capitals, or of a letter outside the alphabet', () => {
    const id = newId('verification', Date.now())
    for (const bad of [
      `${id}0`,
      id.slice(0, -1),
      id.toUpperCase(),
      `${id.slice(0, -1)}u`,
      ` ${id}`,
      `ver_${' '.repeat(26)}`,
    ]) {
      expect(idTimeMs('verification', bad)).toBeNull()
    }
  })

  it('is null for a time beyond 48 bits, which no id carries', () => {
    expect(idTimeMs('verification', `ver_${'z'.repeat(26)}`)).toBeNull()
    expect(idTimeMs('verification', `ver_7${'z'.repeat(25)}`)).toBe(2 ** 48 - 1)
  })
})
