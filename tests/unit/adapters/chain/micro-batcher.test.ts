import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MicroBatcher } from '@/lib/adapters/chain/micro-batcher'
import type { Answered } from '@/lib/adapters/chain/network-rpc'
import type { RpcCall } from '@/lib/adapters/chain/rpc-endpoint'

type Batch = { names: string[]; answer(): void; fail(error: Error): void }

const call = (name: string): RpcCall => ({ method: name, params: '[]' })
const answerTo = (name: string) => ({ result: `answer to ${name}` })

/** A batcher whose batches are answered when the test says so. */
function setUp(maxBatch = 50) {
  const batches: Batch[] = []
  const send = (calls: readonly RpcCall[]) =>
    new Promise<Answered>((resolve, reject) => {
      const names = calls.map(({ method }) => method)
      batches.push({
        names,
        answer: () => resolve({ answers: names.map(answerTo), head: 9n }),
        fail: reject,
      })
    })
  return { batches, batcher: new MicroBatcher(send, maxBatch) }
}

const names = (batches: readonly Batch[]) => batches.map((batch) => batch.names)

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

/** Answers whatever is under way, in an order that the picks say, until all is done. */
async function answerInAnyOrder(batches: Batch[], all: Promise<unknown>, picks: Iterator<number>): Promise<void> {
  let isDone = false
  const done = all.then(() => {
    isDone = true
  })
  while (!isDone) {
    const open = batches.splice(0)
    while (open.length > 0) open.splice((picks.next().value as number) % open.length, 1)[0]?.answer()
    await nextTurn()
  }
  await done
}

describe('MicroBatcher', () => {
  it('with nothing in flight a call leaves at once', async () => {
    const { batcher, batches } = setUp()
    const answered = batcher.call(call('a'))
    await nextTurn()
    expect(names(batches)).toEqual([['a']])
    batches[0]?.answer()
    expect(await answered).toEqual({ answer: answerTo('a'), head: 9n })
  })

  it('what comes in the same turn of the event loop leaves together', async () => {
    const { batcher, batches } = setUp()
    const all = ['a', 'b', 'c'].map((name) => batcher.call(call(name)))
    await nextTurn()
    expect(names(batches)).toEqual([['a', 'b', 'c']])
    batches[0]?.answer()
    expect((await Promise.all(all)).map(({ answer }) => answer)).toEqual(['a', 'b', 'c'].map(answerTo))
  })

  it('while a batch is under way the next gathers, and leaves when that one returns', async () => {
    const { batcher, batches } = setUp()
    const first = batcher.call(call('a'))
    await nextTurn()
    const others = ['b', 'c', 'd'].map((name) => batcher.call(call(name)))
    expect(names(batches)).toEqual([['a']])
    batches[0]?.answer()
    await first
    await until(() => batches.length > 1)
    expect(names(batches)).toEqual([['a'], ['b', 'c', 'd']])
    batches[1]?.answer()
    expect(await Promise.all(others)).toHaveLength(3)
  })

  it('a slow batch does not hold the next one up for long', async () => {
    const { batcher, batches } = setUp()
    const startedAt = performance.now()
    const slow = batcher.call(call('slow'))
    await nextTurn()
    const quick = batcher.call(call('quick'))
    await until(() => batches.length === 2)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
    batches[1]?.answer()
    expect((await quick).answer).toEqual(answerTo('quick'))
    batches[0]?.answer()
    await slow
  })

  it('a full batch leaves without waiting for more, and none is larger', async () => {
    const { batcher, batches } = setUp(3)
    const first = batcher.call(call('first'))
    await nextTurn()
    const all = Array.from({ length: 7 }, (_, index) => batcher.call(call(`${index}`)))
    await nextTurn()
    expect(names(batches)).toEqual([['first'], ['0', '1', '2'], ['3', '4', '5'], ['6']].slice(0, batches.length))
    expect(batches.length).toBeGreaterThanOrEqual(3)
    await until(() => batches.length === 4)
    for (const batch of batches) batch.answer()
    await Promise.all([first, ...all])
  })

  it('one failing batch rejects its own calls and no others', async () => {
    const { batcher, batches } = setUp(2)
    const all = ['a', 'b', 'c', 'd'].map((name) => batcher.call(call(name)))
    const settled = Promise.allSettled(all)
    await until(() => batches.length === 2)
    batches[0]?.fail(new Error('gone'))
    batches[1]?.answer()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
  })

  it('after a failing batch the next calls are sent as ever', async () => {
    const { batcher, batches } = setUp()
    const failing = batcher.call(call('a'))
    await nextTurn()
    batches[0]?.fail(new Error('gone'))
    await expect(failing).rejects.toThrow('gone')
    const next = batcher.call(call('b'))
    await nextTurn()
    expect(names(batches)).toEqual([['a'], ['b']])
    batches[1]?.answer()
    expect((await next).answer).toEqual(answerTo('b'))
  })

  it('beside a chain that answers nothing, calls are refused before memory runs out', async () => {
    const { batcher } = setUp(1)
    const codes: string[] = []
    for (let index = 0; index < 32; index++) void batcher.call(call('stuck'))
    await nextTurn()
    for (let index = 0; index < 10_100; index++) {
      batcher.call(call('waiting')).catch((error: { code: string }) => codes.push(error.code))
    }
    await nextTurn()
    expect(codes).toHaveLength(100)
    expect(new Set(codes)).toEqual(new Set(['rpc_unavailable']))
  })

  it('at most 32 batches are under way at once', async () => {
    const { batcher, batches } = setUp(1)
    const all = Array.from({ length: 100 }, (_, index) => batcher.call(call(`${index}`)))
    await nextTurn()
    expect(batches).toHaveLength(32)
    for (let index = 0; index < 100; index++) {
      await until(() => batches.length > index)
      batches[index]?.answer()
    }
    expect(await Promise.all(all)).toHaveLength(100)
  })

  it('with all ways taken and more waiting it lets the process rest', async () => {
    const { batcher, batches } = setUp(1)
    const all = Array.from({ length: 100 }, (_, index) => batcher.call(call(`${index}`)))
    await nextTurn()
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 200))
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1_000).toBeLessThan(100)
    for (let index = 0; index < 100; index++) {
      await until(() => batches.length > index)
      batches[index]?.answer()
    }
    await Promise.all(all)
  })

  it('every call gets its own answer, in whatever order batches return', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat()),
        async (bursts, maxBatch, picks) => {
          const { batcher, batches } = setUp(maxBatch)
          const asked: Promise<unknown>[] = []
          let name = 0
          for (const burst of bursts) {
            for (let index = 0; index < burst; index++) {
              const mine = `${name++}`
              asked.push(batcher.call(call(mine)).then(({ answer }) => expect(answer).toEqual(answerTo(mine))))
            }
            await nextTurn()
          }
          await answerInAnyOrder(batches, Promise.all(asked), picks)
          expect(asked).toHaveLength(name)
        },
      ),
      { numRuns: 50 },
    )
  })
})
