import { encodeFunctionResult, multicall3Abi } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ChainOptions, createChain } from '@/lib/adapters/chain/create-chain'
import type { Hex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { Network } from '@/lib/networks/networks'
import { network } from '@/tests/support/parsed-payment'
import { type RpcNode, startRpcNode } from '@/tests/support/rpc-node'

const NOW = 1_800_000_000_000
const base = network('eip155:84532')
const CALLS = [
  { target: '0x036cbd53842c5426634e7929541ec2318f3dcf7e' as Hex, data: '0xaa' as Hex },
  { target: '0x036cbd53842c5426634e7929541ec2318f3dcf7e' as Hex, data: '0xbb' as Hex },
]

let node: RpcNode
const chains: ReturnType<typeof createChain>[] = []

beforeEach(async () => {
  node = await startRpcNode({ head: { number: 77, timestamp: NOW / 1_000 } })
})

afterEach(async () => {
  await Promise.all(chains.splice(0).map((chain) => chain.close()))
  await node.stop()
})

function open(on: Network = base, options: Partial<ChainOptions> = {}) {
  const chain = createChain({
    now: () => NOW,
    urls: new Map([[on, [node.url]]]),
    maxBatch: 50,
    maxHeadAgeSeconds: undefined,
    ...options,
  })
  chains.push(chain)
  return chain.reader
}

const aggregate = (...results: { success: boolean; returnData: Hex }[]) => ({
  result: encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result: results }),
})
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: { code: string }) => error.code,
  )

describe('callMany', () => {
  it('puts few wallets into one batch, for what each answers may be long', async () => {
    node.answer = () => aggregate({ success: true, returnData: '0x01' })
    const reader = open()
    await Promise.all(Array.from({ length: 60 }, () => reader.callMany(base, CALLS.slice(0, 1), 1_000_000)))
    const sizes = node.bodies.map((body) => body.split('eth_call').length - 1)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(60)
    expect(Math.max(...sizes)).toBe(16)
  })

  it('is one eth_call to Multicall3 upon the newest block, with its gas named', async () => {
    node.answer = () => aggregate({ success: true, returnData: '0x01' }, { success: false, returnData: '0x' })
    expect(await open().callMany(base, CALLS, 200_000)).toEqual({
      block: 77n,
      results: [
        { ok: true, data: '0x01' },
        { ok: false, data: '0x' },
      ],
      ranOutOfGas: false,
    })
    const asked = JSON.parse(node.bodies[0] as string).at(-1)
    expect(asked.method).toBe('eth_call')
    expect(asked.params).toEqual([
      { to: MULTICALL3, data: expect.stringMatching(/^0x82ad56cb/), gas: '0x30d40' },
      'latest',
    ])
  })

  it('of many requests at once is one HTTP request, and each gets its own answer', async () => {
    node.answer = ({ params }) => {
      const { data } = params[0] as { data: Hex }
      return aggregate({ success: true, returnData: `0x${data.slice(-64, -62)}` })
    }
    const reader = open()
    const asked = Array.from({ length: 40 }, (_, index) => {
      const data = `0x${index.toString(16).padStart(2, '0')}` as Hex
      return reader
        .callMany(base, [{ target: MULTICALL3, data }], 200_000)
        .then(({ results }) => [data, results[0]?.data])
    })
    for (const [sent, got] of await Promise.all(asked)) expect(got).toBe(sent)
    expect(node.bodies).toHaveLength(1)
  })

  it('of payers with code goes apart from the others, so that a wallet that burns its gas delays nobody', async () => {
    node.answer = () => aggregate({ success: true, returnData: '0x' })
    const reader = open()
    const [call] = CALLS as [(typeof CALLS)[number]]
    await Promise.all([200_000, 1_000_000, 200_000].map((gas) => reader.callMany(base, [call], gas)))
    const gases = node.bodies.map((body) =>
      (JSON.parse(body) as { method: string; params: { gas: string }[] }[])
        .filter(({ method }) => method === 'eth_call')
        .map(({ params }) => Number(params[0]?.gas)),
    )
    expect(gases).toEqual([[200_000, 200_000], [1_000_000]])
  })

  it('that runs out of gas says so, and no call of it has succeeded', async () => {
    node.answer = () => ({ error: { code: -32_000, message: 'out of gas' } })
    expect(await open().callMany(base, CALLS, 200_000)).toEqual({
      block: 77n,
      results: [
        { ok: false, data: '0x' },
        { ok: false, data: '0x' },
      ],
      ranOutOfGas: true,
    })
  })

  it.each([
    ['another error', { error: { code: -32_000, message: 'header not found' } }],
    ['nothing, where Multicall3 does not stand', { result: '0x' }],
    ['null', { result: null }],
    ['garbage', { result: '0x1234' }],
    ['one result too few', aggregate({ success: true, returnData: '0x' })],
    ['a number', { result: 7 }],
  ])('answered by %s is our failure, never a verdict', async (_, answer) => {
    node.answer = () => answer
    expect(await codeOf(open().callMany(base, CALLS, 200_000))).toBe('rpc_unavailable')
  })

  it('one call that cannot be read costs the others nothing', async () => {
    node.answer = ({ params }) => {
      const { data } = params[0] as { data: Hex }
      return data.includes('dead') ? { result: '0x' } : aggregate({ success: true, returnData: '0x' })
    }
    const reader = open()
    const ask = (data: Hex) => codeOf(reader.callMany(base, [{ target: MULTICALL3, data }], 200_000))
    expect(await Promise.all([ask('0x01'), ask('0xdead'), ask('0x02')])).toEqual([null, 'rpc_unavailable', null])
  })

  it('on a network without an RPC is our failure', async () => {
    expect(await codeOf(open().callMany(network('eip155:1'), CALLS, 200_000))).toBe('rpc_unavailable')
  })
})

describe('hasCode', () => {
  it.each([
    ['0x', false],
    ['0x6080', true],
    [`0xef0100${'ab'.repeat(20)}`, true],
  ])('of %s is %s', async (code, hasCode) => {
    node.answer = () => ({ result: code })
    expect(await open().hasCode(base, MULTICALL3)).toBe(hasCode)
  })

  it.each([null, '', '6080', 7, {}])(
    'answered by %j is our failure: an account must not pass for one without code',
    async (result) => {
      node.answer = () => ({ result })
      expect(await codeOf(open().hasCode(base, MULTICALL3))).toBe('rpc_unavailable')
    },
  )
})

describe('how old a head may be', () => {
  it.each([
    ['eip155:84532', undefined, 30, null],
    ['eip155:84532', undefined, 31, 'rpc_unavailable'],
    ['eip155:1', undefined, 120, null],
    ['eip155:1', undefined, 121, 'rpc_unavailable'],
    ['eip155:42161', undefined, 30, null],
    ['eip155:84532', 600, 600, null],
    ['eip155:84532', 600, 601, 'rpc_unavailable'],
    ['eip155:84532', 0, 1_000_000, null],
  ] as const)('%s, set to %s, %i s old: %s', async (id, maxHeadAgeSeconds, ageSeconds, code) => {
    const on = network(id)
    Object.assign(node, { chainId: on.chainId, head: { number: 77, timestamp: NOW / 1_000 - ageSeconds } })
    node.answer = () => ({ result: '0x' })
    expect(await codeOf(open(on, { maxHeadAgeSeconds }).hasCode(on, MULTICALL3))).toBe(code)
  })
})
