import { Pool } from 'undici'

export type RpcCall = {
  method: string
  /** JSON already, for the hot calls are put together as text. */
  params: string
  /** Reads the result. Null for one that no good node gives: it then counts as an error of the node's. */
  decode?(result: unknown): unknown
}
/** `result` is as `decode` of the call gave it. */
export type RpcAnswer = { result: unknown } | { error: { code: number; message: string } }

/** The endpoint gave no answer that could be trusted. Never says anything about what was asked. */
export class RpcFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RpcFailure'
  }
}

const OUT_OF_GAS =
  /out ?of ?gas|(?:memory|limit|operand|precompile)oog|intrinsic gas too (?:low|high)|floor data gas|gas required exceeds/i

/** The call wanted more gas than it named: the one error that is the contract's and not the endpoint's. */
export function isOutOfGas(answer: RpcAnswer): boolean {
  return 'error' in answer && OUT_OF_GAS.test(answer.error.message)
}

const MAX_RESPONSE_BYTES = 16 * 1024 * 1024

/** One RPC URL and its connections. Knows nothing of networks, health or retries. */
export class RpcEndpoint {
  private readonly pool: Pool
  private readonly path: string
  private nextId = 1

  constructor(url: string) {
    const { origin, pathname, search } = new URL(url)
    this.path = pathname + search
    this.pool = new Pool(origin, {
      connections: 32,
      pipelining: 1,
      connect: { timeout: 1_500 },
      keepAliveTimeout: 30_000,
      maxResponseSize: MAX_RESPONSE_BYTES,
    })
  }

  /**
   * Sends one batch and gives the answers in the order of the calls.
   *
   * @throws RpcFailure on anything but a complete batch of answers with our ids
   */
  async send(calls: readonly RpcCall[], timeoutMs: number): Promise<RpcAnswer[]> {
    const firstId = this.nextId
    this.nextId += calls.length
    const parts = calls.map(
      ({ method, params }, index) =>
        `{"jsonrpc":"2.0","id":${firstId + index},"method":"${method}","params":${params}}`,
    )
    return inOrder(await this.post(`[${parts.join(',')}]`, timeoutMs), firstId, calls)
  }

  async close(): Promise<void> {
    await this.pool.destroy()
  }

  private async post(body: string, timeoutMs: number): Promise<unknown> {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(new RpcFailure(`no answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      const response = await this.pool.request({
        path: this.path,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        // JSON-RPC is ASCII, and text of any other encoding is written at a third of the speed.
        body: Buffer.from(body, 'latin1'),
        signal: abort.signal,
      })
      const text = await response.body.text()
      if (response.statusCode !== 200) throw new RpcFailure(`HTTP ${response.statusCode}`)
      return JSON.parse(text)
    } catch (error) {
      if (error instanceof RpcFailure) throw error
      const cause = error instanceof SyntaxError ? 'the answer is not JSON' : `${(error as Error).message}`
      throw new RpcFailure(cause, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Batches may come back in any order, and a confused proxy may send somebody else's; only our ids count. */
function inOrder(body: unknown, firstId: number, calls: readonly RpcCall[]): RpcAnswer[] {
  if (!Array.isArray(body)) throw new RpcFailure('the answer to a batch is not a list')
  const answers = new Array<RpcAnswer | undefined>(calls.length)
  for (const entry of body as { id?: unknown; result?: unknown; error?: { code?: unknown; message?: unknown } }[]) {
    const index = typeof entry?.id === 'number' ? entry.id - firstId : -1
    const call = calls[index]
    if (!call) throw new RpcFailure('an answer has a foreign id')
    if (answers[index]) throw new RpcFailure('an id was answered twice')
    answers[index] = readAnswer(entry, call)
  }
  if (answers.includes(undefined)) throw new RpcFailure('the batch was answered in part')
  return answers as RpcAnswer[]
}

function readAnswer(
  entry: { result?: unknown; error?: { code?: unknown; message?: unknown } },
  { decode }: RpcCall,
): RpcAnswer {
  if (entry.error) return { error: { code: Number(entry.error.code), message: String(entry.error.message) } }
  if (!('result' in entry)) throw new RpcFailure('an answer has neither result nor error')
  if (!decode) return { result: entry.result }
  const result = decode(entry.result)
  return result === null ? { error: { code: 0, message: 'its result is malformed' } } : { result }
}
