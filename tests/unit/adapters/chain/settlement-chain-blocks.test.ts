import { describe, expect, it } from 'vitest'
import { base, hash, setUpScriptedChain, unavailable } from '@/tests/support/scripted-chain'

const { clock, block, startNode, usual, open, openWith } = setUpScriptedChain()

describe('blocks', () => {
  it('are read by number, and one of another number is not believed', async () => {
    const { chain } = await openWith(usual)
    expect(await chain.settlement.blocks(base, [3n, 2_000n])).toEqual([
      { number: 3n, hash: hash(3), timestampSeconds: clock.ms / 1_000 },
      null,
    ])
    const confused = await openWith((question) =>
      question.method === 'eth_getBlockByNumber' ? { result: block(1_000) } : usual(question),
    )
    await expect(confused.chain.settlement.blocks(base, [3n])).rejects.toMatchObject(unavailable)
  })

  it('are asked for in batches as large as the provider takes', async () => {
    const started = await startNode(usual)
    const { settlement } = open([started.url], { maxBatch: 12 })
    const numbers = Array.from({ length: 25 }, (_, index) => BigInt(index))
    expect((await settlement.blocks(base, numbers)).map((found) => found?.number)).toEqual(numbers)
    const sizes = started.bodies.map((body) => (JSON.parse(body) as unknown[]).length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(12)
  })

  it.each([
    ['no such tag', { error: { code: -39_001, message: 'finalized block not found' } }],
    ['a tag it cannot read', { error: { code: -32_602, message: 'invalid argument 0: hex string without 0x prefix' } }],
    ['nothing final yet', { result: null }],
    ['a limit', { error: { code: -32_005, message: 'daily request count exceeded' } }],
  ])('are not called final by a node that has %s, and it serves on', async (_, answer) => {
    const { chain } = await openWith((question) => (question.params[0] === 'finalized' ? answer : usual(question)))
    await expect(chain.settlement.finalized(base)).rejects.toMatchObject(unavailable)
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
  })

  it('are final by the first endpoint that knows one', async () => {
    const { chain } = await openWith((question) => {
      return question.params[0] === 'finalized' ? { result: null } : usual(question)
    }, usual)
    expect((await chain.settlement.finalized(base)).number).toBe(990n)
  })
})
