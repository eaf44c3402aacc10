import { compose, type FuzzRequest, type Header } from './request'
import { BASE } from './routes'

type Framing = {
  name: string
  headers: readonly Header[]
  body: string
  isCutOff?: boolean
  /** Refused behind a body that is good: where a verdict is a unit, it would be one without an answer. */
  isFreeOnly?: boolean
}

const CHUNKED: Header = ['Transfer-Encoding', 'chunked']
const length = (value: string | number): Header => ['Content-Length', String(value)]

/** Everything that HTTP itself can get wrong around a body. */
export function* framingRequests(body: string, common: readonly Header[]): Generator<FuzzRequest> {
  for (const { name, headers, body: bytes, isCutOff, isFreeOnly } of framings(body)) {
    for (const route of isFreeOnly ? ['settle'] : ['verify', 'settle']) {
      const target = `${BASE}/${route}`
      const request = compose({ name, target, headers: [...common, ...headers], body: bytes, isUnframed: true })
      yield { ...request, ...(isCutOff && { isCutOff }) }
    }
  }
  yield* rawRequests(body, common)
}

function framings(body: string): Framing[] {
  const size = Buffer.byteLength(body)
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
  const whole = `${chunk(body)}0\r\n\r\n`
  const lengths = [
    '',
    '-1',
    '+5',
    '0x10',
    '1e3',
    '1.5',
    '99999999999999999999',
    'x',
    `${size},${size}`,
    '5, 5',
    '\xff',
    '00',
  ]
  return [
    ...lengths.map((value) => ({ name: `Content-Length ${value}`, headers: [length(value)], body, isCutOff: true })),
    { name: 'no length', headers: [], body, isCutOff: true },
    { name: 'a length that is too long', headers: [length(size + 100)], body, isCutOff: true },
    { name: 'a length that is too short', headers: [length(size - 10)], body, isCutOff: true },
    { name: 'a length of 0 before a body', headers: [length(0)], body, isCutOff: true },
    { name: 'a length of a gigabyte', headers: [length(1e9)], body, isCutOff: true },
    { name: 'two lengths that differ', headers: [length(size), length(size + 1)], body, isCutOff: true },
    { name: 'two lengths that agree', headers: [length(size), length(size)], body, isCutOff: true },
    { name: 'a length beside chunks', headers: [length(size), CHUNKED], body: whole, isCutOff: true },
    { name: 'chunks beside a length', headers: [CHUNKED, length(5)], body: whole, isCutOff: true },
    { name: 'one chunk', headers: [CHUNKED], body: whole },
    { name: 'a chunk a byte', headers: [CHUNKED], body: `${[...body].map(chunk).join('')}0\r\n\r\n` },
    {
      name: 'chunks beyond 64 KiB',
      headers: [CHUNKED],
      body: `${chunk(body.padEnd(40_000))}${chunk(' '.repeat(40_000))}0\r\n\r\n`,
    },
    { name: 'chunks without an end', headers: [CHUNKED], body: chunk(body), isCutOff: true },
    { name: 'a chunk that is cut off', headers: [CHUNKED], body: chunk(body).slice(0, -40), isCutOff: true },
    { name: 'a chunk of no size', headers: [CHUNKED], body: `x\r\n${body}\r\n0\r\n\r\n`, isCutOff: true },
    { name: 'a chunk of a huge size', headers: [CHUNKED], body: `ffffffffffffffff1\r\n${body}`, isCutOff: true },
    { name: 'a chunk of a negative size', headers: [CHUNKED], body: `-5\r\n${body}`, isCutOff: true },
    { name: 'a chunk with an extension', headers: [CHUNKED], body: whole.replace('\r\n', ';a=b\r\n') },
    {
      name: 'a chunk with a huge extension',
      headers: [CHUNKED],
      body: whole.replace('\r\n', `;${'a'.repeat(20_000)}\r\n`),
      isCutOff: true,
    },
    {
      name: 'trailers',
      headers: [CHUNKED, ['Trailer', 'X-A']],
      body: `${chunk(body)}0\r\nX-A: b\r\nAuthorization: x\r\n\r\n`,
    },
    {
      name: 'bare line feeds between chunks',
      headers: [CHUNKED],
      body: whole.replaceAll('\r\n', '\n'),
      isCutOff: true,
    },
    ...[
      'identity',
      'gzip',
      'gzip, chunked',
      'chunked, chunked',
      'chunked, identity',
      'xchunked',
      ' chunked',
      '',
      '\xff',
    ].map((value) => ({
      name: `Transfer-Encoding ${value}`,
      headers: [['Transfer-Encoding', value]] as const,
      body: whole,
    })),
    {
      name: 'a second request behind the body',
      headers: [length(size)],
      body: `${body}GET /livez HTTP/1.1\r\nHost: x\r\n\r\n`,
      isFreeOnly: true,
    },
    { name: 'bytes behind the body', headers: [length(size)], body: `${body}\0\0\0`, isFreeOnly: true },
  ]
}

/** Bytes that are hardly a request. */
function* rawRequests(body: string, common: readonly Header[]): Generator<FuzzRequest> {
  const head = common.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const target = `${BASE}/verify`
  const post = (line: string, lines: string, text = body): string => `${line}\r\n${lines}\r\n${text}`
  const framed = `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  const keep = 'Host: x\r\nConnection: keep-alive\r\n'
  const one = post(`POST ${target} HTTP/1.1`, `${keep}${framed}`)
  const close = post(`POST ${target} HTTP/1.1`, `Host: x\r\nConnection: close\r\n${framed}`)
  const texts: Record<string, string> = {
    'nothing at all': '',
    'a line feed': '\n',
    'line feeds': '\r\n'.repeat(1_000),
    'a NUL': '\0',
    'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a request of HTTP/0.9': 'GET /\r\n',
    'a request of HTTP/1.0': post(`POST ${target} HTTP/1.0`, framed),
    'a request of HTTP/1.2': post(`POST ${target} HTTP/1.2`, `Host: x\r\nConnection: close\r\n${framed}`),
    'a request of HTTP/9.9': post(`POST ${target} HTTP/9.9`, `Host: x\r\n${framed}`),
    'no version': post(`POST ${target}`, `Host: x\r\n${framed}`),
    'a version that is none': post(`POST ${target} HTTP/x`, `Host: x\r\n${framed}`),
    'two spaces in the first line': post(`POST  ${target} HTTP/1.1`, `Host: x\r\nConnection: close\r\n${framed}`),
    'a space in the path': post(`POST ${target} x HTTP/1.1`, `Host: x\r\n${framed}`),
    'no Host': post(`POST ${target} HTTP/1.1`, `Connection: close\r\n${framed}`),
    'line feeds without carriage returns': close.replaceAll('\r\n', '\n'),
    'a head that is cut off': close.slice(0, 60),
    'a space before the colon': post(`POST ${target} HTTP/1.1`, `Host : x\r\n${framed}`),
    'a first line of 20,000': post(`POST /${'a'.repeat(20_000)} HTTP/1.1`, `Host: x\r\n${framed}`),
    'blank lines before the request': `\r\n\r\n${close}`,
    'three requests in one go': `${one}${one}${close}`,
    'a good request and then garbage': `${one.replace('/verify', '/settle')}\x01\x02\x03\r\n\r\n`,
    'a refused body and then a good request': `${post(`POST ${target} HTTP/1.1`, `${keep}${head}Content-Length: 2\r\n`, '{]')}${close}`,
    'a body of 1 MiB and then a good request': `${post(`POST ${target} HTTP/1.1`, `${keep}${head}Content-Length: 1048576\r\n`, ' '.repeat(1_048_576))}${close}`,
  }
  for (const [name, text] of Object.entries(texts)) {
    const bytes = Buffer.from(text, 'latin1')
    // What may be no whole request is ended by us; who sent none may be answered by silence.
    const isCutOff = !text.endsWith(body)
    yield { name, method: 'POST', target, bytes, ...(isCutOff && { isCutOff, mayBeSilent: !/^[A-Z]/.test(text) }) }
  }
}
