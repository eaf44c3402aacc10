import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type RpcQuestion = { id: number; method: string; params: unknown[] }
type Result = { result: unknown } | { error: { code: number; message: string } }

export type RpcNode = {
  url: string
  /** What the node says of itself, and of a call; a test changes these at any time. */
  chainId: number
  head: { number: number; timestamp: number }
  answer(question: RpcQuestion): Result
  /** In the place of an ordinary answer: the test writes what it likes. */
  misbehave: ((questions: RpcQuestion[], response: ServerResponse) => void) | null
  /** Every body that came, as text. */
  bodies: string[]
  /** How often calls of a method came. */
  count(method: string): number
  stop(): Promise<void>
}

const hex = (value: number) => `0x${value.toString(16)}`

/** A JSON-RPC node on loopback, in this process. It knows head and chain id; every other call is answered by `answer`. */
export async function startRpcNode(changes: Partial<RpcNode> = {}): Promise<RpcNode> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      node.bodies.push(body)
      const questions = JSON.parse(body) as RpcQuestion[]
      if (node.misbehave) node.misbehave(questions, response)
      else sendJson(response, answerBatch(node, questions))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const node: RpcNode = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    chainId: 84532,
    head: { number: 1_000, timestamp: Math.floor(Date.now() / 1_000) },
    answer: ({ method, params }) => ({ result: `${method} ${JSON.stringify(params)}` }),
    misbehave: null,
    bodies: [],
    count: (method) =>
      node.bodies.flatMap((body) => JSON.parse(body) as RpcQuestion[]).filter((asked) => asked.method === method)
        .length,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    ...changes,
  }
  return node
}

/** What a good node gives to a batch. JSON-RPC 2.0: an empty batch is an error, and not an empty list. */
export function answerBatch(node: RpcNode, questions: RpcQuestion[]): unknown {
  if (questions.length === 0) return { jsonrpc: '2.0', id: null, error: { code: -32_600, message: 'empty batch' } }
  return questions.map((question) => ({ jsonrpc: '2.0', id: question.id, ...answerOne(node, question) }))
}

export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function answerOne(node: RpcNode, question: RpcQuestion): Result {
  if (question.method === 'eth_chainId') return { result: hex(node.chainId) }
  if (question.method !== 'eth_getBlockByNumber') return node.answer(question)
  return { result: { number: hex(node.head.number), timestamp: hex(node.head.timestamp) } }
}
