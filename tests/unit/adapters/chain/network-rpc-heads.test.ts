import { describe, expect, it, vi } from 'vitest'
import { SECOND_MS } from '@/lib/core/clock'
import { CALLS, GOOD, outage, refused, START_MS, setUpNetworkRpc } from '@/tests/support/network-rpc'
import { answerBatch, sendJson } from '@/tests/support/rpc-node'

const { clock, startNode, connect, pass, settled } = setUpNetworkRpc()

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

describe('a head', () => {
  it('that another batch learns meanwhile is not the one of an answer that was under way', async () => {
    const node = await startNode()
    const rpc = connect([node])
    await rpc.send(CALLS)
    let answerSlowOne: () => void = () => undefined
    node.misbehave = (questions, response) => {
      const answer = () => sendJson(response, answerBatch(node, questions))
      if (questions.some(({ method }) => method === 'eth_slow')) answerSlowOne = answer
      else answer()
    }
    const slow = rpc.send([{ method: 'eth_slow', params: '[]' }])
    await vi.waitFor(() => expect(node.count('eth_slow')).toBe(1), { timeout: 10_000 })
    pass(4 * SECOND_MS, node)
    expect((await rpc.send(CALLS)).head).toBe(1_002n)
    answerSlowOne()
    expect((await slow).head).toBe(1_000n)
  })

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
