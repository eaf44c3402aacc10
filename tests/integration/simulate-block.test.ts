import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Chain, createChain } from '@/lib/adapters/chain/create-chain'
import { MULTICALL3 } from '@/lib/core/token'
import type { SimulatedCall } from '@/lib/settlements/settlement-chain'
import { type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { network } from '@/tests/support/parsed-payment'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'

const base = network('eip155:84532')
/** `getBlockNumber()`: the block whose state a call is made upon. */
const BLOCK_NUMBER: SimulatedCall = { target: MULTICALL3, data: '0x42cbb15c', account: MULTICALL3, gas: 100_000n }

let [first, second]: RunningChain[] = []
let proxy: RpcProxy
let opened: Chain

beforeAll(async () => {
  ;[first, second] = await Promise.all([0, 1].map(() => startLocalChain({ blockSeconds: 0, folder: null })))
  proxy = await startRpcProxy(first?.url ?? '')
  opened = createChain({
    now: Date.now,
    urls: new Map([[base, [proxy.url, second?.url ?? '']]]),
    maxBatch: 50,
    maxHeadAgeSeconds: 0,
  })
  // A node that does not know state overrides, as some do not.
  proxy.fault = async ({ questions, response, ask }) => {
    const answers = await ask(questions)
    const refused = { error: { code: -32_602, message: 'too many arguments' } }
    const told = answers.map(({ result, ...rest }, index) =>
      questions[index]?.method === 'eth_call' ? { ...rest, ...refused } : { ...rest, result },
    )
    response.end(JSON.stringify(told))
  }
})

afterAll(async () => {
  await opened?.close()
  await proxy?.stop()
  await Promise.all([first?.stop(), second?.stop()])
})

const headOf = async (chain: RunningChain | undefined) => Number(await chain?.chain.call('eth_blockNumber'))

async function mineUntil(chain: RunningChain | undefined, number: number): Promise<void> {
  while ((await headOf(chain)) < number) await chain?.chain.call('evm_mine')
}

describe('a simulation whose head comes from one endpoint and its state from another', () => {
  it('is none as long as the other is a block behind: money that moved in that block would count twice', async () => {
    const number = Math.max(await headOf(first), await headOf(second))
    await mineUntil(second, number)
    await mineUntil(first, number + 1)
    await expect(opened.settlement.simulate(base, [BLOCK_NUMBER])).rejects.toMatchObject({ code: 'rpc_unavailable' })
  })

  it('is that of the block it names', async () => {
    await mineUntil(second, (await headOf(first)) + 2)
    const { block, results } = await opened.settlement.simulate(base, [BLOCK_NUMBER])
    expect(block).toBe(BigInt(await headOf(first)))
    expect(results[0]?.word).toBe(block)
  })
})
