import { describe, expect, it } from 'vitest'
import { SECOND_MS } from '@/lib/core/clock'
import { CALLS, FAULTS, GOOD, outage, refused, setUpNetworkRpc } from '@/tests/support/network-rpc'

const { clock, startNode, connect, pass } = setUpNetworkRpc()

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
