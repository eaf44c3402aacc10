import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NetworkRpc, type NetworkRpcOptions } from '@/lib/adapters/chain/network-rpc'
import type { RpcCall } from '@/lib/adapters/chain/rpc-endpoint'
import { SECOND_MS } from '@/lib/core/clock'
import { answerBatch, type RpcNode, type RpcQuestion, sendJson, startRpcNode } from '@/tests/support/rpc-node'

vi.setConfig({ testTimeout: 15_000, hookTimeout: 60_000 })

const START_MS = 1_800_000_000_000
const CALLS: RpcCall[] = ['a', 'b', 'c'].map((name) => ({ method: `eth_${name}`, params: '[]' }))
const GOOD = CALLS.map(({ method }) => ({ result: `${method} []` }))

const running: RpcNode[] = []
const opened: NetworkRpc[] = []
let clock: { ms: number }

beforeEach(() => {
  clock = { ms: START_MS }
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((rpc) => rpc.close()))
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

/** A node whose head is of now, by the test's clock. */
async function startNode(changes: Partial<RpcNode> = {}): Promise<RpcNode> {
  const node = await startRpcNode({ head: { number: 1_000, timestamp: START_MS / SECOND_MS }, ...changes })
  running.push(node)
  return node
}

function connect(nodes: readonly RpcNode[], options: Partial<NetworkRpcOptions> = {}): NetworkRpc {
  const urls = nodes.map(({ url }) => url)
  const rpc = new NetworkRpc({ chainId: 84532, urls, maxHeadAgeSeconds: 30, now: () => clock.ms, ...options })
  opened.push(rpc)
  return rpc
}

/** Lets time pass, and the chain grow with it. */
function pass(ms: number, ...nodes: RpcNode[]): void {
  clock.ms += ms
  for (const node of nodes) {
    node.head = { number: node.head.number + Math.floor(ms / 2_000), timestamp: Math.floor(clock.ms / SECOND_MS) }
  }
}

const refused = { error: { code: -32_005, message: 'rate limit' } }
const outage = (rpc: NetworkRpc, calls = CALLS) =>
  rpc.send(calls).then(
    () => null,
    (error: { code: string }) => error.code,
  )

const FAULTS: Record<string, (questions: RpcQuestion[], response: ServerResponse) => void> = {
  500: (_, response) => sendJson(response, {}, 500),
  429: (_, response) => sendJson(response, {}, 429),
  HTML: (_, response) => response.end('<html></html>'),
  garbage: (_, response) => response.end('}{'),
  'a reset': (_, response) => response.destroy(),
  'foreign ids': (questions, response) =>
    sendJson(
      response,
      questions.map(() => ({ id: 4_711, result: '0x1' })),
    ),
  'a part of the batch': (questions, response) => sendJson(response, [{ id: questions[0]?.id, result: '0x1' }]),
}

describe('one endpoint', () => {
  it('is asked for head and chain id in the batch that goes there anyway', async () => {
    const node = await startNode()
    const rpc = connect([node])
    expect(await rpc.send(CALLS)).toEqual({ answers: GOOD, head: 1_000n })
    expect([node.bodies.length, node.count('eth_chainId'), node.count('eth_getBlockByNumber')]).toEqual([1, 1, 1])
    await rpc.send(CALLS)
    expect([node.bodies.length, node.count('eth_getBlockByNumber')]).toEqual([2, 1])
  })

  it('has its head and its chain id looked at every second', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await rpc.send(CALLS)
    pass(SECOND_MS, node)
    await rpc.send(CALLS)
    expect([node.count('eth_getBlockByNumber'), node.count('eth_chainId')]).toEqual([2, 2])
    expect((await rpc.send(CALLS)).head).toBe(1_000n)
    expect([node.count('eth_getBlockByNumber'), node.count('eth_chainId')]).toEqual([2, 2])
  })

  it.each(Object.keys(FAULTS))('that answers with %s is our failure', async (fault) => {
    const node = await startNode({ misbehave: FAULTS[fault] ?? null })
    expect(await outage(connect([node]))).toBe('rpc_unavailable')
  })

  it('that refuses every call is our failure', async () => {
    const node = await startNode({ answer: () => refused })
    expect(await outage(connect([node]))).toBe('rpc_unavailable')
  })

  it('that refuses one call of several answers the others', async () => {
    const node = await startNode({
      answer: ({ method }) => (method === 'eth_b' ? refused : { result: `${method} []` }),
    })
    expect((await connect([node]).send(CALLS)).answers).toEqual([GOOD[0], refused, GOOD[2]])
  })

  it('upon which a call runs out of gas has answered: that is the contract’s doing', async () => {
    const outOfGas = { error: { code: -32_000, message: 'out of gas' } }
    const node = await startNode({ answer: () => outOfGas })
    const rpc = connect([node])
    for (let index = 0; index < 5; index++) {
      expect((await rpc.send(CALLS)).answers).toEqual([outOfGas, outOfGas, outOfGas])
    }
    expect(rpc.endpoints[0]?.isResting()).toBe(false)
  })

  it('that is dead is not asked again while it rests, so that callers learn it at once', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await node.stop()
    for (let index = 0; index < 3; index++) expect(await outage(rpc)).toBe('rpc_unavailable')
    const before = rpc.httpRequests
    const startedAt = performance.now()
    for (let index = 0; index < 100; index++) expect(await outage(rpc)).toBe('rpc_unavailable')
    expect(rpc.httpRequests).toBe(before)
    expect(performance.now() - startedAt).toBeLessThan(500)
  })

  it('that comes back is asked again after its rest', async () => {
    const node = await startNode({ misbehave: FAULTS['500'] ?? null })
    const rpc = connect([node])
    for (let index = 0; index < 3; index++) await outage(rpc)
    node.misbehave = null
    expect(await outage(rpc)).toBe('rpc_unavailable')
    pass(SECOND_MS, node)
    expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
    expect(rpc.endpoints[0]?.problem).toBeNull()
  })

  it('that stays away rests for longer each time, but never for more than half a minute', async () => {
    const node = await startNode({ misbehave: FAULTS['500'] ?? null })
    const rpc = connect([node])
    for (let index = 0; index < 3; index++) await outage(rpc)
    const rests: number[] = []
    for (let round = 0; round < 8; round++) {
      let rest = 0
      while (rpc.endpoints[0]?.isResting()) {
        clock.ms += 500
        rest += 500
      }
      rests.push(rest / SECOND_MS)
      await outage(rpc)
    }
    expect(rests).toEqual([1, 2, 4, 8, 16, 30, 30, 30])
  })

  it('that fails now and then does not rest', async () => {
    const node = await startNode()
    const rpc = connect([node])
    for (let index = 0; index < 10; index++) {
      node.misbehave = FAULTS['500'] ?? null
      await outage(rpc)
      await outage(rpc)
      node.misbehave = null
      expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
    }
  })

  it('that says nothing costs less than three seconds', async () => {
    const node = await startNode({ misbehave: () => undefined })
    const rpc = connect([node], { now: Date.now })
    const startedAt = performance.now()
    expect(await outage(rpc)).toBe('rpc_unavailable')
    expect(performance.now() - startedAt).toBeLessThan(3_000)
  })
})

describe('what an endpoint says of itself', () => {
  it('the wrong chain id is never believed, and rests it at once', async () => {
    const node = await startNode({ chainId: 8453 })
    const rpc = connect([node])
    expect(await outage(rpc)).toBe('rpc_unavailable')
    expect(rpc.endpoints[0]?.isResting()).toBe(true)
    expect(rpc.endpoints[0]?.problem?.message).toBe('its chain id is 8453, not 84532')
  })

  it('a chain id that changes is noticed within a minute', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await rpc.send(CALLS)
    node.chainId = 1
    pass(60 * SECOND_MS, node)
    expect(await outage(rpc)).toBe('rpc_unavailable')
  })

  it.each([
    [30, null],
    [31, 'rpc_unavailable'],
  ])('a head that is %i s old: %s', async (ageSeconds, code) => {
    const node = await startNode({ head: { number: 1_000, timestamp: START_MS / SECOND_MS - ageSeconds } })
    expect(await outage(connect([node]))).toBe(code)
  })

  it('an old head is no matter where the check is turned off', async () => {
    const node = await startNode({ head: { number: 1, timestamp: 0 } })
    expect((await connect([node], { maxHeadAgeSeconds: 0 }).send(CALLS)).answers).toEqual(GOOD)
  })

  it('a chain that stands still is noticed', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await rpc.send(CALLS)
    clock.ms += 31 * SECOND_MS
    expect(await outage(rpc)).toBe('rpc_unavailable')
    pass(2 * SECOND_MS, node)
    expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
  })

  it.each([
    ['null', null],
    ['text', 'x'],
    ['an empty block', {}],
    ['a block without a number', { timestamp: '0x1' }],
    ['a number beyond all blocks', { number: `0x${'f'.repeat(40)}`, timestamp: '0x1' }],
    ['a negative number', { number: '-0x1', timestamp: '0x1' }],
  ])('a head of %s is not believed', async (_, block) => {
    const node = await startNode()
    node.misbehave = (questions, response) => {
      const answers = answerBatch(node, questions) as { id: number; result: unknown }[]
      const isHead = (id: number) => questions.some((asked) => asked.id === id && /getBlock/.test(asked.method))
      sendJson(
        response,
        answers.map((answer) => (isHead(answer.id) ? { ...answer, result: block } : answer)),
      )
    }
    expect(await outage(connect([node]))).toBe('rpc_unavailable')
  })

  it('head and chain id that are refused leave nothing to believe', async () => {
    const node = await startNode()
    node.misbehave = (questions, response) =>
      sendJson(
        response,
        questions.map(({ id, method }) => (/^eth_[abc]$/.test(method) ? { id, result: '0x' } : { id, ...refused })),
      )
    expect(await outage(connect([node]))).toBe('rpc_unavailable')
  })
})

describe('an outage', () => {
  it('is one, however many batches were under way when it began', async () => {
    const node = await startNode({ misbehave: FAULTS['500'] ?? null })
    const rpc = connect([node])
    await Promise.all(Array.from({ length: 12 }, () => outage(rpc)))
    node.misbehave = null
    pass(SECOND_MS, node)
    expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
  })

  it('of the only endpoint ends within a second of its return, for it is tried once a second', async () => {
    const node = await startNode({ misbehave: FAULTS['500'] ?? null })
    const rpc = connect([node])
    for (let second = 0; second < 60; second++) {
      await outage(rpc)
      pass(SECOND_MS, node)
    }
    node.misbehave = null
    pass(SECOND_MS, node)
    expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
  })

  it('is seen by who asks for it, and its end too, without a payment', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await expect(rpc.check()).resolves.toBeUndefined()
    node.misbehave = FAULTS['500'] ?? null
    pass(SECOND_MS, node)
    await expect(rpc.check()).rejects.toMatchObject({ code: 'rpc_unavailable' })
    node.misbehave = null
    pass(SECOND_MS, node)
    await expect(rpc.check()).resolves.toBeUndefined()
  })
})

describe('a result that cannot be read', () => {
  const readable: RpcCall[] = CALLS.map((call) => ({ ...call, decode: (result) => (result === '0x' ? null : result) }))

  it('is an error of that node, and the next one is asked', async () => {
    const first = await startNode({ answer: ({ method }) => ({ result: method === 'eth_b' ? '0x' : `${method} []` }) })
    const rpc = connect([first, await startNode()])
    expect((await rpc.send(readable)).answers).toEqual(GOOD)
    expect(first.count('eth_b')).toBe(1)
  })

  it('when all are so, is our failure', async () => {
    const rpc = connect([await startNode({ answer: () => ({ result: '0x' }) })])
    expect(await outage(rpc, readable)).toBe('rpc_unavailable')
  })
})

describe('a head', () => {
  it('from the future is not believed, and makes no other one old', async () => {
    const first = await startNode({ head: { number: 9_000_000, timestamp: START_MS / SECOND_MS + 900 } })
    const rpc = connect([first, await startNode()])
    for (let second = 0; second < 5; second++) {
      expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
      await settled(rpc)
      clock.ms += SECOND_MS
    }
    expect(rpc.endpoints[0]?.problem?.message).toContain('s from now')
  })
})

describe('several endpoints', () => {
  it.each(Object.keys(FAULTS))('when the first answers with %s the next one serves', async (fault) => {
    const [first, second] = [await startNode({ misbehave: FAULTS[fault] ?? null }), await startNode()]
    const rpc = connect([first, second])
    for (let index = 0; index < 5; index++) expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
  })

  it('when the first is dead, slow or of another chain the next one serves within the budget', async () => {
    const dead = await startNode()
    const slow = await startNode({ misbehave: () => undefined })
    const other = await startNode({ chainId: 1 })
    const good = await startNode()
    await dead.stop()
    const rpc = connect([dead, slow, other, good], { now: Date.now, maxHeadAgeSeconds: 0 })
    const startedAt = performance.now()
    expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
    expect(performance.now() - startedAt).toBeLessThan(2_500)
  })

  it('the first is asked and no other, as long as it serves', async () => {
    const [first, second] = [await startNode(), await startNode()]
    const rpc = connect([first, second])
    for (let index = 0; index < 20; index++) {
      await rpc.send(CALLS)
      pass(500, first, second)
    }
    expect([first.count('eth_a'), second.count('eth_a')]).toEqual([20, 0])
  })

  it('a call that the first refuses goes to the next one, and only that call', async () => {
    const first = await startNode({
      answer: ({ method }) => (method === 'eth_b' ? refused : { result: `${method} []` }),
    })
    const second = await startNode({ head: { number: 990, timestamp: START_MS / SECOND_MS } })
    const { answers, head } = await connect([first, second]).send(CALLS)
    expect(answers).toEqual(GOOD)
    expect(head).toBe(990n)
    expect([second.count('eth_a'), second.count('eth_b'), second.count('eth_c')]).toEqual([0, 1, 0])
  })

  it('calls that both refuse are refused, the others are answered', async () => {
    const answer: RpcNode['answer'] = ({ method }) => (method === 'eth_b' ? refused : { result: `${method} []` })
    const nodes = [await startNode({ answer }), await startNode({ answer })]
    expect((await connect(nodes).send(CALLS)).answers).toEqual([GOOD[0], refused, GOOD[2]])
  })

  it('one that is 20 blocks behind another is not believed, one that is 19 behind is', async () => {
    for (const [behind, served] of [
      [19, [1, 0]],
      [20, [0, 1]],
    ] as const) {
      clock.ms = START_MS
      const timestamp = START_MS / SECOND_MS
      const first = await startNode({ head: { number: 1_000 - behind, timestamp } })
      const second = await startNode({ head: { number: 1_000, timestamp } })
      const rpc = connect([first, second])
      await rpc.send(CALLS)
      await settled(rpc)
      clock.ms += SECOND_MS
      const before = [first.count('eth_a'), second.count('eth_a')] as const
      expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
      const [one, two] = [first.count('eth_a') - before[0], second.count('eth_a') - before[1]]
      expect(served[0] === 1 ? [one, two] : [0, two]).toEqual(served)
    }
  })

  it('one of another chain says nothing about the height of ours', async () => {
    const good = await startNode()
    const other = await startNode({ chainId: 1, head: { number: 24_000_000, timestamp: START_MS / SECOND_MS } })
    const rpc = connect([good, other])
    for (let index = 0; index < 10; index++) {
      expect((await rpc.send(CALLS)).answers).toEqual(GOOD)
      await settled(rpc)
      pass(SECOND_MS, good)
    }
    expect(rpc.endpoints[0]?.problem).toBeNull()
  })

  it('with all of them away it is our failure', async () => {
    const nodes = [await startNode({ misbehave: FAULTS['500'] ?? null }), await startNode({ chainId: 1 })]
    const rpc = connect(nodes)
    for (let index = 0; index < 5; index++) expect(await outage(rpc)).toBe('rpc_unavailable')
  })

  it('the first serves again after its rest', async () => {
    const [first, second] = [await startNode({ misbehave: FAULTS['500'] ?? null }), await startNode()]
    const rpc = connect([first, second])
    for (let index = 0; index < 3; index++) await rpc.send(CALLS)
    first.misbehave = null
    pass(30 * SECOND_MS, first, second)
    await rpc.send(CALLS)
    const before = first.count('eth_a')
    await rpc.send(CALLS)
    expect(first.count('eth_a')).toBe(before + 1)
  })

  it('an empty batch is never sent, for it is an error by JSON-RPC', async () => {
    const nodes = [await startNode(), await startNode()]
    const rpc = connect(nodes)
    for (let index = 0; index < 20; index++) {
      await rpc.send(CALLS)
      await settled(rpc)
      pass(700, ...nodes)
    }
    expect(nodes.flatMap(({ bodies }) => bodies).filter((body) => body === '[]')).toEqual([])
  })
})

/** Waits until what goes on beside the calls (the comparing of heads) has had its answers. */
async function settled(rpc: NetworkRpc): Promise<void> {
  const answered = () => running.reduce((sum, node) => sum + node.bodies.length, 0)
  const deadline = performance.now() + 500
  while (answered() < rpc.httpRequests && performance.now() < deadline) await new Promise((next) => setImmediate(next))
  await new Promise((next) => setTimeout(next, 5))
}
