import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Batcher } from '@/lib/core/batcher'

/** A batcher whose batches end when they are told to. */
function given(options: { most: number; atOnce: number }) {
  const batches: { inputs: number[]; end(): void; fail(error: Error): void }[] = []
  let most = 0
  let open = 0
  const batcher = new Batcher<number, number>(async (inputs) => {
    most = Math.max(most, ++open)
    try {
      await new Promise<void>((resolve, reject) => batches.push({ inputs, end: resolve, fail: reject }))
      return inputs.map((input) => input * 2)
    } finally {
      open--
    }
  }, options)
  return { batcher, batches, mostAtOnce: () => most }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

describe('what is asked within one turn', () => {
  it('shares one call, and each gets its own answer', async () => {
    const { batcher, batches } = given({ most: 100, atOnce: 1 })
    const answers = range(5).map((input) => batcher.ask(input))
    await turn()
    expect(batches.map(({ inputs }) => inputs)).toEqual([[0, 1, 2, 3, 4]])
    batches[0]?.end()
    expect(await Promise.all(answers)).toEqual([0, 2, 4, 6, 8])
  })

  it('is split into calls of the most that one takes', async () => {
    const { batcher, batches } = given({ most: 2, atOnce: 5 })
    const answers = range(5).map((input) => batcher.ask(input))
    await turn()
    expect(batches.map(({ inputs }) => inputs)).toEqual([[0, 1], [2, 3], [4]])
    for (const batch of batches) batch.end()
    expect(await Promise.all(answers)).toEqual([0, 2, 4, 6, 8])
  })
})

describe('what is asked while calls are under way', () => {
  it('gathers until one of them has ended', async () => {
    const { batcher, batches } = given({ most: 100, atOnce: 1 })
    const first = batcher.ask(1)
    await turn()
    const later = [batcher.ask(2), batcher.ask(3)]
    await turn()
    expect(batches).toHaveLength(1)
    batches[0]?.end()
    expect(await first).toBe(2)
    await turn()
    expect(batches[1]?.inputs).toEqual([2, 3])
    batches[1]?.end()
    expect(await Promise.all(later)).toEqual([4, 6])
  })

  it('a call that fails fails for those in it, and for nobody else', async () => {
    const { batcher, batches } = given({ most: 1, atOnce: 1 })
    const answers = [batcher.ask(1), batcher.ask(2)]
    const settled = Promise.allSettled(answers)
    await turn()
    batches[0]?.fail(new Error('no database'))
    await turn()
    batches[1]?.end()
    expect(await settled).toMatchObject([
      { status: 'rejected', reason: { message: 'no database' } },
      { status: 'fulfilled', value: 4 },
    ])
  })

  it('a call that throws at once fails for those in it', async () => {
    const batcher = new Batcher<number, number>(
      () => {
        throw new Error('at once')
      },
      { most: 1, atOnce: 1 },
    )
    await expect(batcher.ask(1)).rejects.toThrow('at once')
    await expect(batcher.ask(2)).rejects.toThrow('at once')
  })
})

type Step = { asks: number; ends: number }

/** Asks and ends as the steps say, then ends what is left. */
async function play({ batcher, batches }: ReturnType<typeof given>, steps: readonly Step[]) {
  const answers: Promise<number>[] = []
  let ended = 0
  const endOne = () => batches[ended++]?.end()
  for (const { asks, ends } of steps) {
    answers.push(...range(asks).map((one) => batcher.ask(answers.length + one)))
    await turn()
    for (let one = 0; one < ends && ended < batches.length; one++) endOne()
    await turn()
  }
  while (ended < batches.length) {
    endOne()
    await turn()
  }
  return Promise.all(answers)
}

it('whenever it is asked, everybody is answered once, with never more calls at once than allowed', async () => {
  const step = fc.record({ asks: fc.integer({ min: 0, max: 7 }), ends: fc.nat({ max: 3 }) })
  const options = fc.record({ most: fc.integer({ min: 1, max: 4 }), atOnce: fc.integer({ min: 1, max: 3 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), options, async (steps, { most, atOnce }) => {
      const world = given({ most, atOnce })
      const asked = range(steps.reduce((sum, { asks }) => sum + asks, 0))
      expect(await play(world, steps)).toEqual(asked.map((input) => input * 2))
      expect(world.batches.flatMap(({ inputs }) => inputs)).toEqual(asked)
      expect(world.mostAtOnce()).toBeLessThanOrEqual(atOnce)
      for (const { inputs } of world.batches) expect(inputs.length).toBeLessThanOrEqual(most)
    }),
    { numRuns: 50 },
  )
})
