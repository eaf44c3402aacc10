import { keccak256 } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Chain, type ChainOptions, createChain } from '@/lib/adapters/chain/create-chain'
import { type Hex, word } from '@/lib/core/hex'
import { network } from '@/tests/support/parsed-payment'
import { type RpcNode, type RpcQuestion, sendJson, startRpcNode } from '@/tests/support/rpc-node'

const base = network('eip155:84532')
const RAW: Hex = '0x02aabbcc'
const HASH = keccak256(RAW)
const USDC: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e'
const PAYER: Hex = '0x00000000000000000000000000000000000000aa'
const NONCE: Hex = `0x${'ab'.repeat(32)}`
const hex = (value: number | bigint): Hex => `0x${value.toString(16)}`
const hash = (value: number): Hex => `0x${word(value)}`

type Answer = { result: unknown } | { error: { code: number; message: string } }
type Answering = (question: RpcQuestion) => Answer

const nodes: RpcNode[] = []
const chains: Chain[] = []
let now = 1_800_000_000_000

beforeEach(() => {
  now = 1_800_000_000_000
})

afterEach(async () => {
  await Promise.all(chains.splice(0).map((chain) => chain.close()))
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})

const block = (number: number) => ({ number: hex(number), hash: hash(number), timestamp: hex(now / 1_000) })

/** A node whose every answer the test gives; blocks up to 1,000 are there unless it says otherwise. */
async function startNode(answer: Answering): Promise<RpcNode> {
  const node = await startRpcNode()
  node.misbehave = (questions, response) =>
    sendJson(
      response,
      questions.map((question) => ({ jsonrpc: '2.0', id: question.id, ...answer(question) })),
    )
  nodes.push(node)
  return node
}

const usual: Answering = ({ method, params }) => {
  if (method === 'eth_chainId') return { result: hex(84_532) }
  if (method !== 'eth_getBlockByNumber') return { error: { code: -32_601, message: 'no such method' } }
  if (params[0] === 'latest') return { result: { ...block(1_000), baseFeePerGas: hex(7) } }
  if (params[0] === 'finalized') return { result: block(990) }
  return { result: Number(params[0]) <= 1_000 ? block(Number(params[0])) : null }
}

const answering =
  (method: string, answer: Answering): Answering =>
  (question) =>
    question.method === method ? answer(question) : usual(question)

function open(urls: readonly string[], options: Partial<ChainOptions> = {}) {
  const chain = createChain({
    now: () => now,
    urls: new Map([[base, urls]]),
    maxBatch: 50,
    maxHeadAgeSeconds: undefined,
    ...options,
  })
  chains.push(chain)
  return chain
}

async function openWith(...answers: Answering[]) {
  const started = await Promise.all(answers.map(startNode))
  return { nodes: started, chain: open(started.map(({ url }) => url)) }
}

const sending = (answer: Answer) => answering('eth_sendRawTransaction', () => answer)
const failing = (message: string) => sending({ error: { code: -32_000, message } })
const unavailable = { code: 'rpc_unavailable' }

describe('broadcast', () => {
  it('is sent when the node names the hash of the bytes, and unknown when it names another', async () => {
    const { chain } = await openWith(sending({ result: HASH }))
    expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
    const confused = await openWith(sending({ result: hash(1) }))
    expect(await confused.chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('asks one endpoint when that one says what became of it', async () => {
    for (const [answer, kind] of [
      [sending({ result: HASH }), 'sent'],
      [failing('already known'), 'known'],
      [failing('insufficient funds for gas * price + value'), 'refused'],
    ] as const) {
      const { chain, nodes } = await openWith(answer, sending({ result: HASH }))
      expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind })
      expect(nodes[1]?.count('eth_sendRawTransaction')).toBe(0)
    }
  })

  it('goes to the next endpoint when one is down, full or says nothing of use', async () => {
    for (const text of ['txpool is full', 'internal error', 'rate limit exceeded']) {
      const { chain } = await openWith(failing(text), sending({ result: HASH }))
      expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
    }
    const { chain, nodes } = await openWith(usual, sending({ result: HASH }))
    if (nodes[0]) nodes[0].misbehave = (_, response) => sendJson(response, {}, 503)
    expect(await chain.settlement.broadcast(base, RAW)).toEqual({ kind: 'sent' })
  })

  it('is not refused while another endpoint, whose answer was lost, may have it', async () => {
    const { chain, nodes } = await openWith(usual, failing('nonce too high'))
    if (nodes[0]) nodes[0].misbehave = (_, response) => response.destroy()
    expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('is refused when the other endpoint could not even be reached', async () => {
    const [gone, refusing] = [await startNode(usual), await startNode(failing('nonce too high'))]
    await gone.stop()
    nodes.splice(nodes.indexOf(gone), 1)
    const { settlement } = open([gone.url, refusing.url])
    expect(await settlement.broadcast(base, RAW)).toMatchObject({ kind: 'refused', cause: 'nonce_gap' })
  })

  it('is unknown when no endpoint answers, and does not wait beyond its budget', async () => {
    const { chain, nodes } = await openWith(usual, usual)
    for (const node of nodes) node.misbehave = () => undefined
    const start = performance.now()
    now = Date.now()
    const ticking = open(
      nodes.map(({ url }) => url),
      { now: Date.now },
    )
    expect(await ticking.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
    expect(performance.now() - start).toBeLessThan(3_000)
    expect(chain.rpcs.get(base.id)?.httpRequests).toBe(0)
  })

  it('is unknown, and no error, on a network without an endpoint', async () => {
    const { chain } = await openWith(usual)
    expect(await chain.settlement.broadcast(network('eip155:1'), RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('does not believe an endpoint of another chain', async () => {
    const { chain } = await openWith((question) =>
      question.method === 'eth_chainId' ? { result: '0x1' } : failing('nonce too high')(question),
    )
    expect(await chain.settlement.broadcast(base, RAW)).toMatchObject({ kind: 'unknown' })
  })

  it('never lets an endpoint rest for what it says to a transaction', async () => {
    const { chain, nodes } = await openWith(failing('internal error'))
    for (let time = 0; time < 5; time++) await chain.settlement.broadcast(base, RAW)
    expect(nodes[0]?.count('eth_sendRawTransaction')).toBe(5)
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.isResting()).toBe(false)
  })
})

describe('simulate', () => {
  const calls = [{ target: USDC, account: PAYER, data: '0xaa' as Hex, gas: 100_000n }]

  it('asks the next endpoint when one knows no state override or answers malformed', async () => {
    const good = answering('eth_call', () => ({ result: `0x${[1, 60_000, 0, 0].map(word).join('')}` }))
    for (const bad of [{ error: { code: -32_602, message: 'too many arguments' } }, { result: '0x1234' }]) {
      const { chain } = await openWith(
        answering('eth_call', () => bad),
        good,
      )
      const { block, results } = await chain.settlement.simulate(base, calls)
      expect(block).toBe(1_000n)
      expect(results).toMatchObject([{ ok: true, word: null, hasCode: false }])
      expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
    }
  })

  it('is a failure of ours when no endpoint can', async () => {
    const { chain } = await openWith(usual)
    await expect(chain.settlement.simulate(base, calls)).rejects.toMatchObject(unavailable)
    const outOfGas = await openWith(answering('eth_call', () => ({ error: { code: -32_000, message: 'out of gas' } })))
    await expect(outOfGas.chain.settlement.simulate(base, calls)).rejects.toMatchObject(unavailable)
  })
})

describe('blocks', () => {
  it('are read by number, and one of another number is not believed', async () => {
    const { chain } = await openWith(usual)
    expect(await chain.settlement.blocks(base, [3n, 2_000n])).toEqual([
      { number: 3n, hash: hash(3), timestampSeconds: now / 1_000 },
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
  ])('are final 64 below the newest where a network has %s', async (_, answer) => {
    const { chain } = await openWith((question) => (question.params[0] === 'finalized' ? answer : usual(question)))
    expect((await chain.settlement.finalized(base)).number).toBe(936n)
    expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
  })

  it('are not called final after any other failure', async () => {
    const busy = { error: { code: -32_005, message: 'daily request count exceeded' } }
    const { chain } = await openWith((question) => (question.params[0] === 'finalized' ? busy : usual(question)))
    await expect(chain.settlement.finalized(base)).rejects.toMatchObject(unavailable)
  })
})

const log = (changes: Record<string, unknown> = {}) => ({
  address: USDC.toUpperCase().replace('0X', '0x'),
  topics: [hash(1), `0x${PAYER.slice(2).padStart(64, '0')}`, NONCE],
  data: '0x',
  logIndex: '0x5',
  transactionHash: HASH,
  removed: false,
  ...changes,
})

const receipt = (changes: Record<string, unknown> = {}) => ({
  transactionHash: HASH,
  blockNumber: '0x9',
  blockHash: hash(9),
  status: '0x1',
  gasUsed: hex(100),
  effectiveGasPrice: hex(7),
  logs: [],
  ...changes,
})

describe('receipts', () => {
  const read = async (result: unknown) => {
    const { chain } = await openWith(answering('eth_getTransactionReceipt', () => ({ result })))
    return (await chain.settlement.receipts(base, [HASH]))[0]
  }

  it('order the logs by their index and count them from 0', async () => {
    const found = await read(receipt({ logs: [log({ logIndex: '0xa', data: '0x0A' }), log({ logIndex: '0x9' })] }))
    expect(found?.logs.map(({ position, data }) => [position, data])).toEqual([
      [0, '0x'],
      [1, '0x0a'],
    ])
    expect(found?.logs[0]?.address).toBe(USDC)
  })

  it('cost gas at its price, and on a rollup the fee for the data besides', async () => {
    expect((await read(receipt()))?.feeWei).toBe(700n)
    expect((await read(receipt({ l1Fee: hex(50) })))?.feeWei).toBe(750n)
    expect((await read(receipt({ l1Fee: null })))?.feeWei).toBe(700n)
    expect((await read(receipt({ status: '0x0' })))?.succeeded).toBe(false)
  })

  it('are null for what is not mined', async () => {
    expect(await read(null)).toBeNull()
  })

  it.each([
    ['another transaction', receipt({ transactionHash: hash(2) })],
    ['no block', receipt({ blockHash: null })],
    ['no status', receipt({ status: undefined })],
    ['a status of 2', receipt({ status: '0x2' })],
    ['no gas price', receipt({ effectiveGasPrice: undefined })],
    ['a fee that is no number', receipt({ l1Fee: 'much' })],
    ['no logs', receipt({ logs: undefined })],
    ['a log of another transaction', receipt({ logs: [log({ transactionHash: hash(2) })] })],
    ['a log without index', receipt({ logs: [log({ logIndex: null })] })],
    ['a log that was removed', receipt({ logs: [log({ removed: true })] })],
    ['five topics', receipt({ logs: [log({ topics: [1, 2, 3, 4, 5].map(hash) })] })],
    ['half a topic', receipt({ logs: [log({ topics: ['0x12'] })] })],
    ['a text', 'a text'],
  ])('with %s are not believed', async (_, result) => {
    await expect(read(result)).rejects.toMatchObject(unavailable)
  })
})

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
    await expect(few.chain.settlement.authorizationUses(base, search)).rejects.toMatchObject(unavailable)
    expect(few.nodes[0]?.bodies.length).toBeLessThan(70)
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

describe('fees', () => {
  it('are read once a second, for all who ask', async () => {
    const { chain, nodes } = await openWith(answering('eth_maxPriorityFeePerGas', () => ({ result: hex(5_000_000) })))
    const both = await Promise.all([chain.settlement.fees(base), chain.settlement.fees(base)])
    expect(both).toEqual([
      { baseFeeWei: 7n, tipWei: 5_000_000n },
      { baseFeeWei: 7n, tipWei: 5_000_000n },
    ])
    now += 999
    await chain.settlement.fees(base)
    expect(nodes[0]?.count('eth_maxPriorityFeePerGas')).toBe(1)
    now += 1
    await chain.settlement.fees(base)
    expect(nodes[0]?.count('eth_maxPriorityFeePerGas')).toBe(2)
  })

  it('stay within bounds, whatever a node says', async () => {
    const tip = async (wei: bigint) => {
      const { chain } = await openWith(answering('eth_maxPriorityFeePerGas', () => ({ result: hex(wei) })))
      return (await chain.settlement.fees(base)).tipWei
    }
    expect(await tip(0n)).toBe(1_000_000n)
    expect(await tip(10n ** 30n)).toBe(500_000_000_000n)
  })

  it('that could not be read are asked for again at once', async () => {
    let works = false
    const { chain } = await openWith(
      answering('eth_maxPriorityFeePerGas', () => (works ? { result: '0xf4240' } : { result: 'much' })),
    )
    await expect(chain.settlement.fees(base)).rejects.toMatchObject(unavailable)
    works = true
    expect(await chain.settlement.fees(base)).toEqual({ baseFeeWei: 7n, tipWei: 1_000_000n })
  })
})

describe('a wallet', () => {
  it('is read from one endpoint: nonce and balance go together', async () => {
    const half: Answering = (question) =>
      question.method === 'eth_getTransactionCount' ? { result: '0x5' } : usual(question)
    const whole: Answering = (question) => {
      if (question.method === 'eth_getBalance') return { result: '0x64' }
      return question.method === 'eth_getTransactionCount' ? { result: '0x6' } : usual(question)
    }
    const { chain } = await openWith(half, whole)
    expect(await chain.settlement.walletState(base, PAYER)).toEqual({ nonce: 6n, balanceWei: 100n })
  })
})
