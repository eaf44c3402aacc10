import { describe, expect, it } from 'vitest'
import type { RpcCall } from '@/lib/adapters/chain/rpc-endpoint'
import { SECOND_MS } from '@/lib/core/clock'
import { CALLS, FAULTS, GOOD, outage, refused, START_MS, setUpNetworkRpc } from '@/tests/support/network-rpc'
import type { RpcNode } from '@/tests/support/rpc-node'

const { clock, startNode, connect, pass, settled } = setUpNetworkRpc()

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
