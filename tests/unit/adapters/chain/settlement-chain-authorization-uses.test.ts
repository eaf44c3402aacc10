import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { log } from '@/tests/support/raw-log'
import type { RpcQuestion } from '@/tests/support/rpc-node'
import {
  type Answering,
  base,
  HASH,
  hex,
  NONCE,
  PAYER,
  setUpScriptedChain,
  USDC,
  unavailable,
} from '@/tests/support/scripted-chain'

const { answering, openWith } = setUpScriptedChain()

describe('the search for uses of an authorization', () => {
  const USED: Hex = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
  const used = log({ topics: [USED, `0x${PAYER.slice(2).padStart(64, '0')}`, NONCE] })
  type Filter = { fromBlock: Hex; toBlock: Hex; topics: Hex[]; address: Hex }
  const filterOf = ({ params }: RpcQuestion) => params[0] as Filter

  /** A node that takes ranges of at most so many blocks, with the log in block 700. */
  const limited = (most: number): Answering =>
    answering('eth_getLogs', (question) => {
      const [from, to] = [Number(filterOf(question).fromBlock), Number(filterOf(question).toBlock)]
      if (to - from + 1 > most) return { error: { code: -32_005, message: `at most ${most} blocks` } }
      return { result: from <= 700 && 700 <= to ? [used] : [] }
    })
  const search = { asset: USDC, payer: PAYER, nonce: NONCE, fromBlock: 600n }

  it('names asset, payer and nonce, and covers all blocks once', async () => {
    const { chain, nodes } = await openWith(limited(1_000_000))
    expect(await chain.settlement.authorizationUses(base, search)).toEqual([HASH])
    const asked = (nodes[0]?.bodies ?? []).flatMap((body) => JSON.parse(body) as RpcQuestion[])
    const filters = asked.filter(({ method }) => method === 'eth_getLogs').map(filterOf)
    expect(filters).toEqual([
      {
        address: USDC,
        topics: [USED, `0x${PAYER.slice(2).padStart(64, '0')}`, NONCE],
        fromBlock: '0x258',
        toBlock: '0x3e8',
      },
    ])
  })

  it.each([401, 400, 100, 50])('halves what a provider with at most %i blocks refuses', async (most) => {
    const { chain } = await openWith(limited(most))
    expect(await chain.settlement.authorizationUses(base, search)).toEqual([HASH])
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
  })

  it('gives up, and does not say that there is none, when not even one block is allowed or there are too many', async () => {
    const none = await openWith(limited(0))
    await expect(none.chain.settlement.authorizationUses(base, search)).rejects.toMatchObject(unavailable)
    const few = await openWith(limited(1))
    await expect(few.chain.settlement.authorizationUses(base, { ...search, fromBlock: 1n })).rejects.toMatchObject(
      unavailable,
    )
    expect(few.nodes[0]?.bodies.length).toBeLessThan(160)
  })

  it('does not believe logs that it did not ask for, nor an endpoint that has not got the newest block', async () => {
    const foreign = await openWith(answering('eth_getLogs', () => ({ result: [log()] })))
    await expect(foreign.chain.settlement.authorizationUses(base, search)).rejects.toMatchObject(unavailable)
    const lagging = await openWith((question) =>
      question.params[0] === hex(1_000) ? { result: null } : limited(1_000_000)(question),
    )
    await expect(lagging.chain.settlement.authorizationUses(base, search)).rejects.toMatchObject(unavailable)
  })
})
