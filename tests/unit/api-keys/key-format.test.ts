import { createHash, randomInt } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { generateKey, hashKey, isWellFormedKey, keyHint } from '@/lib/api-keys/key-format'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const keys: string[] = []

beforeAll(() => {
  for (let index = 0; index < 2_000; index++) keys.push(generateKey(index % 2 === 0 ? 'live' : 'test'))
})

const replaced = (key: string, place: number, by: string) => key.slice(0, place) + by + key.slice(place + 1)

describe('generateKey', () => {
  it('makes keys of the documented form, which are well formed and all different', () => {
    for (const key of keys) {
      expect(key).toMatch(/^x402_(live|test)_[0-9A-Za-z]{36}$/)
      expect(isWellFormedKey(key)).toBe(true)
    }
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('says the mode', () => {
    expect(generateKey('live')).toMatch(/^x402_live_/)
    expect(generateKey('test')).toMatch(/^x402_test_/)
  })

  it('draws every character equally often, as far as 60,000 of them can tell', () => {
    const counts = new Map([...BASE62].map((char) => [char, 0]))
    for (const key of keys) for (const char of key.slice(10, 40)) counts.set(char, (counts.get(char) as number) + 1)
    const expected = (keys.length * 30) / 62
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // 61 degrees of freedom: chance goes above 150 once in a billion runs, a byte taken modulo 62 gives about 400.
    expect(chiSquare).toBeLessThan(150)
  })
})

describe('isWellFormedKey', () => {
  it('sees a change of any single character, in 2,000 keys', () => {
    let missed = 0
    for (const key of keys) {
      for (let place = 0; place < key.length; place++) {
        const other = BASE62.charAt(randomInt(62))
        if (other !== key[place] && isWellFormedKey(replaced(key, place, other))) missed++
      }
    }
    expect(missed).toBe(0)
  })

  it('sees every possible change of a single character, in one key', () => {
    const key = keys[0] as string
    for (let place = 0; place < key.length; place++) {
      for (const other of BASE62) {
        expect(isWellFormedKey(replaced(key, place, other))).toBe(other === key[place])
      }
    }
  })

  it('sees two neighbours that changed places', () => {
    for (const key of keys.slice(0, 500)) {
      const place = randomInt(10, 45)
      const swapped = replaced(replaced(key, place, key.charAt(place + 1)), place + 1, key.charAt(place))
      expect(isWellFormedKey(swapped)).toBe(swapped === key)
    }
  })

  it('sees a key of one mode that was renamed to the other', () => {
    for (const key of keys.slice(0, 200)) {
      const renamed = key.startsWith('x402_live_') ? key.replace('live', 'test') : key.replace('test', 'live')
      expect(isWellFormedKey(renamed)).toBe(false)
    }
  })

  it('refuses what is around a key', () => {
    const key = keys[0] as string
    for (const text of [` ${key}`, `${key} `, `${key}\n`, key.slice(0, -1), `${key}0`, key.toUpperCase(), '']) {
      expect(isWellFormedKey(text)).toBe(false)
    }
  })

  it('refuses any other text, and never throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(isWellFormedKey(text)).toBe(false)
      }),
    )
  })
})

describe('what is kept of a key', () => {
  it('is its SHA-256', () => {
    const key = keys[0] as string
    expect(hashKey(key)).toBe(createHash('sha256').update(key).digest('hex'))
  })

  it('and a hint of first and last four', () => {
    const key = keys[0] as string
    expect(keyHint(key)).toEqual({ firstFour: key.slice(10, 14), lastFour: key.slice(-4) })
  })
})
