import { connect } from 'node:net'

/** One answer as it came over the wire; header names in lower case. */
export type RawAnswer = { status: number; headers: ReadonlyMap<string, string>; body: Buffer }

export type Exchange = {
  received: Buffer
  /** Whether the server closed the connection before our patience ended. */
  isClosed: boolean
}

export type SendOptions = {
  /** End our side after the last byte, as a client does that goes away in the middle of a body. */
  isCutOff?: boolean
}

const PATIENCE_MS = 10_000

/** Sends bytes as they are over a connection of their own, and gives all that comes back until it is closed. */
export function sendRaw(port: number, bytes: Buffer, { isCutOff = false }: SendOptions = {}): Promise<Exchange> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    // Half open, or the server's end would cut off what we still send of a body that it does not want.
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const finish = (isClosed: boolean) => {
      clearTimeout(late)
      socket.destroy()
      resolve({ received: Buffer.concat(chunks), isClosed })
    }
    const late = setTimeout(() => finish(false), PATIENCE_MS)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => finish(true))
    // A reset after the answer is how a server ends that does not read on; without an answer the judge finds nothing.
    socket.on('error', () => undefined)
    socket.on('close', () => finish(true))
    socket.write(bytes)
    if (isCutOff) socket.end()
  })
}

/** Reads every answer of a connection, interim ones left out, or says what is not well formed. */
export function readAnswers(received: Buffer, method: string): { answers: RawAnswer[]; problem: string | null } {
  const answers: RawAnswer[] = []
  let rest = received
  while (rest.length > 0) {
    const read = readOne(rest, method)
    if (typeof read === 'string') return { answers, problem: read }
    if (read.answer.status >= 200) answers.push(read.answer)
    rest = read.rest
  }
  return { answers, problem: null }
}

type Read = { answer: RawAnswer; rest: Buffer }

function readOne(bytes: Buffer, method: string): Read | string {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return 'the head has no end'
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [ -~]*$/.exec(first)?.[1])
  if (!status) return `the status line is ${JSON.stringify(first)}`
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\r\n\0]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) return `a header is ${JSON.stringify(line)}`
    headers.set(name.toLowerCase(), value)
  }
  const body = readBody(bytes.subarray(end + 4), { status, method, headers })
  if (typeof body === 'string') return body
  return { answer: { status, headers, body: body.body }, rest: body.rest }
}

type Head = { status: number; method: string; headers: ReadonlyMap<string, string> }

function readBody(bytes: Buffer, { status, method, headers }: Head): { body: Buffer; rest: Buffer } | string {
  const length = headers.get('content-length')
  // What is refused before its method was understood is answered with a body, whatever the method.
  const isHead = method === 'HEAD' && !(status === 400 && bytes.length === Number(length))
  if (isHead || status < 200 || status === 204 || status === 304) return { body: Buffer.alloc(0), rest: bytes }
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(bytes)
  if (length === undefined) return { body: bytes, rest: Buffer.alloc(0) }
  if (bytes.length < Number(length)) return `the body has ${bytes.length} of ${length} bytes`
  return { body: bytes.subarray(0, Number(length)), rest: bytes.subarray(Number(length)) }
}

function readChunks(bytes: Buffer): { body: Buffer; rest: Buffer } | string {
  const chunks: Buffer[] = []
  let rest = bytes
  for (;;) {
    const end = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.subarray(0, Math.max(end, 0)).toString('latin1'), 16)
    if (end < 0 || Number.isNaN(size)) return 'a chunk has no size'
    const start = end + 2
    if (rest.length < start + size + 2) return 'a chunk is cut off'
    chunks.push(rest.subarray(start, start + size))
    rest = rest.subarray(start + size + 2)
    if (size === 0) return { body: Buffer.concat(chunks), rest }
  }
}
