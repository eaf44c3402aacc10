export type Header = readonly [name: string, value: string | Buffer]

/** A request as it goes over the wire, and what the judge has to know of it. */
export type FuzzRequest = {
  /** What is odd about it. */
  name: string
  method: string
  target: string
  bytes: Buffer
  /** The body will never be whole. */
  isCutOff?: boolean
  /** By the server's rules it may be cut off without a word. */
  mayBeSilent?: boolean
}

export type Parts = {
  name: string
  method?: string
  target: string
  headers?: readonly Header[]
  body?: string | Buffer
  /** Content-Length is left to `headers`. */
  isUnframed?: boolean
}

/** Writes a request. Nothing is escaped and nothing is put right; text outside the body is one byte a character. */
export function compose({ name, method, target, headers = [], body, isUnframed = false }: Parts): FuzzRequest {
  const verb = method ?? (body === undefined ? 'GET' : 'POST')
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body as string)
  const isNamed = (wanted: string) => headers.some(([given]) => given.toLowerCase() === wanted)
  const all: Header[] = [
    ...(isNamed('host') ? [] : [['Host', '127.0.0.1'] as const]),
    ...(isNamed('connection') ? [] : [['Connection', 'close'] as const]),
    ...headers,
    ...(isUnframed || body === undefined ? [] : [['Content-Length', String(bytes.length)] as const]),
  ]
  const lines = all.flatMap(([field, value]) => [latin1(`${field}: `), latin1(value), latin1('\r\n')])
  const head = [latin1(`${verb} ${target} HTTP/1.1\r\n`), ...lines, latin1('\r\n')]
  return { name, method: verb, target, bytes: Buffer.concat([...head, bytes]) }
}

function latin1(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text
}

const SHOWN_BYTES = 300

/** A request as text that can be read in a report: what is not ASCII is escaped, what is long is cut. */
export function shown({ name, bytes }: FuzzRequest): string {
  const head = [...bytes.subarray(0, SHOWN_BYTES)].map(shownByte).join('')
  const more = bytes.length > SHOWN_BYTES ? `… (${bytes.length} bytes)` : ''
  return `[${name}] ${head}${more}`.replace(/x402_(live|test)_\w+/g, 'x402_$1_KEY')
}

function shownByte(byte: number): string {
  if (byte >= 32 && byte < 127) return String.fromCharCode(byte)
  return byte === 13 || byte === 10 ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1) : `\\x${byte.toString(16)}`
}
