import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isOutOfGas, type RpcCall, RpcEndpoint, RpcFailure } from '@/lib/adapters/chain/rpc-endpoint'
import { type RpcNode, type RpcQuestion, sendJson, startRpcNode } from '@/tests/support/rpc-node'

const CALLS: RpcCall[] = [
  { method: 'eth_one', params: '["a"]' },
  { method: 'eth_two', params: '["b"]' },
  { method: 'eth_three', params: '["c"]' },
]
const GOOD = [{ result: 'eth_one ["a"]' }, { result: 'eth_two ["b"]' }, { result: 'eth_three ["c"]' }]

let node: RpcNode
let endpoint: RpcEndpoint

beforeEach(async () => {
  node = await startRpcNode()
  endpoint = new RpcEndpoint(node.url)
})

afterEach(async () => {
  await endpoint.close()
  await node.stop()
})

const ordinary = ({ id, method, params }: RpcQuestion) => ({
  jsonrpc: '2.0',
  id: id as unknown,
  result: `${method} ${JSON.stringify(params)}` as unknown,
})

/** Lets the node answer with a list made from the good answers. */
function answerWith(change: (answers: ReturnType<typeof ordinary>[]) => unknown): void {
  node.misbehave = (questions, response) => sendJson(response, change(questions.map(ordinary)))
}

const failure = () =>
  endpoint.send(CALLS, 1_000).then(
    () => null,
    (error: unknown) => error,
  )

describe('a batch', () => {
  it('is one request, and is answered in the order of its calls', async () => {
    expect(await endpoint.send(CALLS, 1_000)).toEqual(GOOD)
    expect(node.bodies).toHaveLength(1)
  })

  it('answered in another order is put right', async () => {
    answerWith((answers) => answers.reverse())
    expect(await endpoint.send(CALLS, 1_000)).toEqual(GOOD)
  })

  it('has ids that no other batch has', async () => {
    await Promise.all([endpoint.send(CALLS, 1_000), endpoint.send(CALLS, 1_000), endpoint.send(CALLS, 1_000)])
    const ids = node.bodies.flatMap((body) => (JSON.parse(body) as RpcQuestion[]).map(({ id }) => id))
    expect(new Set(ids).size).toBe(9)
  })

  it('goes to the path and query of the URL, where providers keep the key', async () => {
    let path: string | undefined
    node.misbehave = (questions, response) => {
      path = response.req.url
      sendJson(response, questions.map(ordinary))
    }
    const keyed = new RpcEndpoint(`${node.url}/v2/secret?x=1`)
    await keyed.send(CALLS, 1_000)
    await keyed.close()
    expect(path).toBe('/v2/secret?x=1')
  })

  it('with an error for one call gives the error for that call alone', async () => {
    node.answer = ({ method, params }) =>
      method === 'eth_two'
        ? { error: { code: -32_005, message: 'limit' } }
        : { result: `${method} ${JSON.stringify(params)}` }
    expect(await endpoint.send(CALLS, 1_000)).toEqual([
      GOOD[0],
      { error: { code: -32_005, message: 'limit' } },
      GOOD[2],
    ])
  })
})

describe('an answer that cannot be trusted is a failure of the endpoint', () => {
  it.each([
    ['an id that we did not send', (answers) => answers.map((answer) => ({ ...answer, id: 4_711 }))],
    ['an id of text', (answers) => answers.map((answer) => ({ ...answer, id: String(answer.id) }))],
    ['no id', (answers) => answers.map(({ id: _, ...answer }) => answer)],
    ['an id of null', (answers) => answers.map((answer) => ({ ...answer, id: null }))],
    ['one id twice, and one not at all', ([one, , three]) => [one, one, three]],
    ['one id twice, beside all the others', (answers) => [...answers, { ...answers[0], result: 'another' }]],
    ['a part of the batch', (answers) => answers.slice(1)],
    ['nothing of the batch', () => []],
    ['an answer without result and error', (answers) => answers.map(({ result: _, ...answer }) => answer)],
    ['nulls', (answers) => answers.map(() => null)],
    ['one object in the place of a list', (answers) => answers[0]],
    ['one error in the place of a list', () => ({ jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'no' } })],
    ['text', () => 'ok'],
    ['null', () => null],
  ] as [string, (answers: ReturnType<typeof ordinary>[]) => unknown][])('%s', async (_, change) => {
    answerWith(change)
    expect(await failure()).toBeInstanceOf(RpcFailure)
  })

  it.each([
    ['HTML', 200, '<!doctype html><title>Welcome</title>'],
    ['garbage', 200, '\u0000\u0001{{{'],
    ['JSON cut off', 200, '[{"jsonrpc":"2.0","id":1,'],
    ['nothing', 200, ''],
    ['500', 500, '[]'],
    ['502 of a proxy', 502, '<html>Bad Gateway</html>'],
    ['429', 429, '{"error":"slow down"}'],
    ['401', 401, 'no'],
    ['a redirect', 302, ''],
  ])('%s', async (_, status, text) => {
    node.misbehave = (_questions, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' })
      response.end(text)
    }
    expect(await failure()).toBeInstanceOf(RpcFailure)
  })

  it('good answers under a status that is none', async () => {
    node.misbehave = (questions, response) => sendJson(response, questions.map(ordinary), 503)
    expect(await failure()).toBeInstanceOf(RpcFailure)
  })

  it('a connection that is cut', async () => {
    node.misbehave = (_, response) => response.destroy()
    expect(await failure()).toBeInstanceOf(RpcFailure)
  })

  it('nobody there', async () => {
    await node.stop()
    expect(await failure()).toBeInstanceOf(RpcFailure)
  })
})

describe('an endpoint that is slow', () => {
  it.each([
    ['says nothing', (): void => undefined],
    ['stops in the middle of its answer', (_: unknown, response: { write(text: string): void }) => response.write('[')],
  ])('and %s is given up at the time-out', async (_, misbehave) => {
    node.misbehave = misbehave
    const startedAt = performance.now()
    const error = (await endpoint.send(CALLS, 60).catch((thrown: unknown) => thrown)) as Error
    expect(error).toBeInstanceOf(RpcFailure)
    expect(error.message).toBe('no answer within 60 ms')
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })

  it('serves the next batch when it is quick again', async () => {
    node.misbehave = () => undefined
    await endpoint.send(CALLS, 30).catch(() => undefined)
    node.misbehave = null
    expect(await endpoint.send(CALLS, 1_000)).toEqual(GOOD)
  })
})

describe('isOutOfGas', () => {
  it.each([
    'out of gas',
    'err: out of gas: gas required exceeds: 200000 (supplied gas 200000)',
    'Out of gas: gas required exceeds allowance: 200000',
    'intrinsic gas too low',
    'gas required exceeds allowance (200000)',
    'OutOfGas',
    'EVM error OutOfGas',
    'EVM error MemoryOOG',
    'EVM error MemoryLimitOOG',
    'EVM error PrecompileOOG',
  ])('%s is the contract’s', (message) => {
    expect(isOutOfGas({ error: { code: -32_000, message } })).toBe(true)
  })

  it.each([
    'execution aborted (timeout = 5s)',
    'limit exceeded',
    'header not found',
    'missing trie node',
    'ask google',
    '',
  ])('%j is the endpoint’s', (message) => {
    expect(isOutOfGas({ error: { code: -32_000, message } })).toBe(false)
  })

  it('a result is none', () => {
    expect(isOutOfGas({ result: 'out of gas' })).toBe(false)
  })
})
