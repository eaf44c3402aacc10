import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BoundedMap } from '@/lib/core/bounded-map'

const CAPACITY = 5
const operation = fc.record({
  name: fc.constantFrom('set', 'set', 'set', 'set', 'get', 'delete', 'deleteWhere', 'clear'),
  key: fc.integer({ min: 0, max: 9 }),
  value: fc.integer(),
})

type Entry = { key: number; value: number }
type Step = { name: string } & Entry

function act(map: BoundedMap<number, number>, { name, key, value }: Step): void {
  if (name === 'set') map.set(key, value)
  if (name === 'delete') map.delete(key)
  if (name === 'deleteWhere') map.deleteWhere((stored) => stored % 2 === 0)
  if (name === 'clear') map.clear()
}

/** The same done to a plain list, oldest first. */
function expected(entries: readonly Entry[], { name, key, value }: Step): Entry[] {
  if (name === 'clear') return []
  if (name === 'deleteWhere') return entries.filter((entry) => entry.value % 2 !== 0)
  if (name === 'get') return [...entries]
  const others = entries.filter((entry) => entry.key !== key)
  return name === 'set' ? [...others, { key, value }].slice(-CAPACITY) : others
}

describe('BoundedMap', () => {
  it('behaves as a list of the newest entries would, whatever is done to it', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const map = new BoundedMap<number, number>(CAPACITY)
        let model: Entry[] = []
        for (const step of operations) {
          act(map, step)
          model = expected(model, step)
          expect(map.get(step.key)).toBe(model.find((entry) => entry.key === step.key)?.value)
          expect(map.size).toBe(model.length)
        }
      }),
    )
  })

  it('never holds more than its capacity', () => {
    const map = new BoundedMap<number, number>(100)
    for (let key = 0; key < 10_000; key++) map.set(key, key)
    expect(map.size).toBe(100)
    expect(map.get(9_899)).toBeUndefined()
    expect(map.get(9_900)).toBe(9_900)
  })
})
