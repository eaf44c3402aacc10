import type { Header } from './request'

export type HeaderCase = { name: string; headers: readonly Header[] }

const long = 'x'.repeat(15_000)

/** Headers by which a framework or a proxy talks to itself. */
const INTERNAL = `
  x-middleware-subrequest x-nextjs-data x-middleware-prefetch x-invoke-path x-matched-path x-now-route-matches
  x-forwarded-host x-forwarded-proto x-forwarded-port x-original-url x-rewrite-url x-http-method-override
  next-router-state-tree next-router-prefetch rsc next-action x-invoke-status x-invoke-error x-next-revalidate
`

const forged: readonly Header[] = INTERNAL.trim()
  .split(/\s+/)
  .flatMap((name) =>
    ['1', '/api/v1/x402/pricing', '%', '\xff', '{"a":', 'a b', 'javascript:1'].map((value) => [name, value] as const),
  )

const odd: readonly Header[] = [
  ...[
    '',
    ' ',
    'localhost',
    'evil.example',
    'a b',
    'a:b:c',
    '[',
    '[::1',
    ':80',
    '127.0.0.1:99999999',
    '%',
    '\xff',
    '/',
    '@',
    'x'.repeat(9_000),
  ].map((value) => ['Host', value] as const),
  ...['*', '"', '"a', 'W/', 'W/"a", *', ','.repeat(9_000), '"x",'.repeat(3_000), '\xff'].map(
    (value) => ['If-None-Match', value] as const,
  ),
  ...['bytes=0-', 'bytes=-1', 'bytes=9-1', `bytes=${'0-,'.repeat(3_000)}`, 'x'].map(
    (value) => ['Range', value] as const,
  ),
  ...[
    'a',
    '=',
    ';;;',
    'a=%',
    '__proto__=1',
    `a=${long}`,
    'a=1;'.repeat(3_000),
    '__prerender_bypass=x; __next_preview_data=y',
    '\xff=\xff',
  ].map((value) => ['Cookie', value] as const),
  ...[
    '',
    'x',
    '::',
    ':'.repeat(9_000),
    ','.repeat(9_000),
    '1.2.3.4, ::1',
    '\xff',
    'unknown',
    "'",
    '1'.repeat(9_000),
  ].map((value) => ['X-Forwarded-For', value] as const),
  ...['', '*/*', 'text/html', 'application/json;q=x', ','.repeat(9_000), '\xff'].map(
    (value) => ['Accept', value] as const,
  ),
  ...['gzip', 'br;q=9', '\xff', ','.repeat(9_000)].map((value) => ['Accept-Encoding', value] as const),
  ...['', '\xff', '*', '-', 'en-'.repeat(3_000), 'en,'.repeat(4_000)].map(
    (value) => ['Accept-Language', value] as const,
  ),
  ...['null', 'https://evil.example', 'x', '\xff'].map((value) => ['Origin', value] as const),
  ...['', 'POST', 'x', long].map((value) => ['Access-Control-Request-Method', value] as const),
  ...['Thu, 01 Jan 1970 00:00:00 GMT', 'x', '\xff'].map((value) => ['If-Modified-Since', value] as const),
  ...['', 'trailers', 'gzip, chunked'].map((value) => ['TE', value] as const),
]

/** Payments in headers, which a seller's client sends by mistake: this API reads none. */
const payments: readonly Header[] = [
  'X-PAYMENT',
  'PAYMENT-SIGNATURE',
  'PAYMENT-REQUIRED',
  'X-PAYMENT-RESPONSE',
].flatMap((name) =>
  [
    '',
    '!!!',
    '=',
    'eyJhIjox',
    'eyJhIjoxfQ==',
    'bnVsbA==',
    '\xff\xfe',
    'A'.repeat(15_000),
    `${'W10'.repeat(4_000)}`,
    '{"__proto__":1}',
  ].map((value) => [name, value] as const),
)

/** Headers that should change nothing, or be refused. */
export const ODD_HEADERS: readonly HeaderCase[] = [
  ...[...forged, ...odd, ...payments].map((header) => ({
    name: `${header[0]}: ${String(header[1]).slice(0, 40)}`,
    headers: [header],
  })),
  { name: '90 headers', headers: Array.from({ length: 90 }, (_, index) => [`X-${index}`, '1'] as const) },
  { name: '1,000 headers', headers: Array.from({ length: 1_000 }, (_, index) => [`X-${index}`, '1'] as const) },
  { name: 'one header 500 times', headers: Array.from({ length: 500 }, () => ['X-A', '1'] as const) },
  { name: 'a header of 15,000', headers: [['X-Long', long]] },
  { name: 'a header of 20,000', headers: [['X-Long', `${long}${long}`]] },
  { name: 'a name of 9,000', headers: [['X'.repeat(9_000), '1']] },
  { name: 'a name with a space', headers: [['X A', '1']] },
  { name: 'an empty name', headers: [['', '1']] },
  { name: 'a name that is none', headers: [['X(', '1']] },
  { name: 'the name __proto__', headers: [['__proto__', 'x']] },
  { name: 'the name constructor', headers: [['constructor', 'x']] },
  { name: 'a NUL in a value', headers: [['X-A', 'a\0b']] },
  { name: 'a folded value', headers: [['X-A', 'a\r\n b']] },
  { name: 'a bare line feed', headers: [['X-A', 'a\nX-B: c']] },
  { name: 'a bare carriage return', headers: [['X-A', 'a\rb']] },
  { name: 'an expectation of 100', headers: [['Expect', '100-continue']] },
  { name: 'an expectation of anything', headers: [['Expect', 'x']] },
  {
    name: 'two Host',
    headers: [
      ['Host', 'a'],
      ['Host', 'b'],
    ],
  },
  {
    name: 'an upgrade to WebSocket',
    headers: [
      ['Connection', 'Upgrade, close'],
      ['Upgrade', 'websocket'],
    ],
  },
  {
    name: 'an upgrade to h2c',
    headers: [
      ['Connection', 'Upgrade, close'],
      ['Upgrade', 'h2c'],
    ],
  },
]
