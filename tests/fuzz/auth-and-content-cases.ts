import type { HeaderCase } from './header-cases'
import type { Header } from './request'
import type { Keys } from './service'

const long = 'x'.repeat(15_000)
const json: Header = ['Content-Type', 'application/json']

/** Odd ways to say who calls. */
export function keyHeaders({ test, live, bare }: Keys): readonly HeaderCase[] {
  const bearer = (value: string): Header => ['Authorization', `Bearer ${value}`]
  const values = [
    ...['', ' ', 'Bearer', 'Bearer ', 'bearer x', `Bearer${test}`, test, `Bearer  ${test}`, `Bearer ${test} x`],
    ...[`BEARER ${test}`, `Bearer\t${test}`, `Bearer ${test}\t`, `Bearer "${test}"`, `Bearer ${test},Bearer ${live}`],
    ...[
      'Basic dXNlcjpwYXNz',
      'Basic %%%',
      'Basic ====',
      `Basic ${long}`,
      'Digest username="a"',
      'Bearer %',
      'Bearer %00',
    ],
    ...[
      'Bearer null',
      'Bearer undefined',
      'Bearer __proto__',
      'Bearer x402_test_',
      `Bearer x402_test_${'0'.repeat(36)}`,
    ],
    ...[
      `Bearer ${test.slice(0, -1)}`,
      `Bearer ${test}0`,
      `Bearer ${test.toUpperCase()}`,
      `Bearer ${test.replace('test', 'live')}`,
    ],
    ...[
      `Bearer ${long}`,
      `Bearer${' '.repeat(15_000)}`,
      `Bearer${' '.repeat(7_000)}x${' '.repeat(7_000)}x`,
      `Bearer ${'x '.repeat(7_000)}`,
    ],
    ...['Bearer \xff\xfe', 'Bearer \xc3\xa9', 'Bearer 👩', `Bearer ${test}\x7f`, `Bearer ${bare}`, `Bearer ${live}`],
  ]
  return [
    { name: 'no key', headers: [] },
    ...values.map((value) => ({
      name: `Authorization ${value.slice(0, 60)}`,
      headers: [['Authorization', value]] as const,
    })),
    ...values.map((value) => ({ name: `X-API-Key ${value.slice(0, 60)}`, headers: [['X-API-Key', value]] as const })),
    { name: 'X-API-Key', headers: [['X-API-Key', test]] },
    { name: 'X-API-Key in spaces', headers: [['X-API-Key', `  ${test}  `]] },
    { name: 'one key twice', headers: [bearer(test), ['X-API-Key', test]] },
    { name: 'two keys', headers: [bearer(test), ['X-API-Key', live]] },
    { name: 'two Authorization', headers: [bearer(test), bearer(live)] },
    {
      name: 'two X-API-Key',
      headers: [
        ['X-API-Key', test],
        ['X-API-Key', live],
      ],
    },
    { name: 'an odd spelling', headers: [['AUTHORIZATION', `bEARER ${test}`]] },
  ]
}

/** What a body may say it is. */
export const CONTENT_HEADERS: readonly HeaderCase[] = [
  ...[
    '',
    'application/json',
    'APPLICATION/JSON',
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
  ],
  ...[
    'application/json;',
    'application/json;;;',
    ' application/json ',
    'application/vnd.api+json',
    'application/+json',
  ],
  ...[
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
  ],
  ...[
    'application/octet-stream',
    'application/xml',
    'image/png',
    '*/*',
    '/',
    ';',
    'json',
    '\xff',
    'application/json\t',
    'x'.repeat(9_000),
  ],
  ...['application/json, text/plain', 'application/__proto__', `application/json; a="${'b'.repeat(9_000)}"`],
]
  .map((value): HeaderCase => ({ name: `Content-Type ${value.slice(0, 40)}`, headers: [['Content-Type', value]] }))
  .concat(
    ['gzip', 'br', 'deflate', 'identity', 'x', '', 'gzip, gzip', 'zstd', '\xff'].map((value) => ({
      name: `Content-Encoding ${value}`,
      headers: [json, ['Content-Encoding', value]],
    })),
    { name: 'two Content-Type', headers: [json, ['Content-Type', 'text/plain']] },
    { name: 'two Content-Type, the good one last', headers: [['Content-Type', 'text/plain'], json] },
  )
