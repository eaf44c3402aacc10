import type { Random } from '@/tests/differential/random'
import { BASE } from './routes'

const NAMES = ['limit', 'cursor', 'from', 'to', 'payer', 'reason', 'network', 'outcome', 'keyId', 'days', 'id', 'path']
const ODD_NAMES = ['', '%00', '__proto__', 'constructor', 'toString', 'limit[]', 'limit%5B%5D', 'LIMIT', 'a.b', '%ff']

/** A cursor whose time is the last that an id can carry, far beyond what a database can. */
const LAST_ID = `ver_7zzzzzzzzz${'z'.repeat(16)}`
const FIRST_ID = `ver_${'0'.repeat(26)}`

const VALUES = [
  ...['', '0', '1', '20', '100', '101', '-1', '1.5', '1e2', '0x10', '007', '+5', '%2B5', '%201', '1%20', '999999'],
  ...['1000000', '9'.repeat(400), '7'.repeat(7_000), 'NaN', 'Infinity', 'null', 'true', '%D9%A1', '%EF%BC%91'],
  ...[
    'valid',
    'invalid',
    'error',
    'VALID',
    'eip155:84532',
    'eip155%3A84532',
    'base',
    'invalid_network',
    'x'.repeat(101),
  ],
  ...['0x4020000000000000000000000000000000000001', '0X4020000000000000000000000000000000000001', '0x40', '0x'],
  ...[
    '2026-11-21T10:00:00Z',
    '2026-11-21T10:00:00%2B14:00',
    '2026-11-21',
    '2026-13-45T99:99:99Z',
    '0000-01-01T00:00:00Z',
  ],
  ...['0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '9999-12-31T23:59:59-14:00', '%2B010889-01-01T00:00:00Z'],
  ...['2026-02-29T00:00:00Z', '2026-11-21T10:00:00.123456789Z', '1700000000', 'now', '-271821-04-20T00:00:00Z'],
  ...[
    '%00',
    '%',
    '%%',
    '%zz',
    '%ff',
    '%ed%a0%80',
    '%f0%9f%98%80',
    '\xff',
    '\x80\x81',
    "'%20OR%201=1",
    '%22',
    '%5C',
    '%0d%0a',
  ],
  ...[
    '[]',
    '{}',
    '__proto__',
    'constructor',
    '../../x',
    '%2e%2e%2f',
    '<script>',
    '%E2%80%AE',
    'a&b',
    ';',
    '#',
    '?',
    '&&&',
    '=',
  ],
  ...[LAST_ID, FIRST_ID, `AAAAAAAA${LAST_ID}`, `AAAAAAAA${FIRST_ID}`, 'AAAAAAAA', 'x'.repeat(14_000)],
]

/** Targets with queries: every parameter with everything, doubled ones, and parameters that nobody knows. */
export function* queryTargets(): Generator<string> {
  const lists = ['verifications', 'analytics'].map((route) => `${BASE}/${route}`)
  for (const value of VALUES) {
    for (const name of NAMES.slice(0, 9)) yield `${lists[0]}?${name}=${value}`
    yield `${lists[1]}?days=${value}`
    for (const name of ODD_NAMES) yield `${lists[0]}?${name}=${value}`
  }
}

/** Several parameters at once on any path, without end. */
export function* randomQueries(paths: readonly string[], random: Random): Generator<string> {
  for (;;) {
    const pair = () => `${random.pick([...NAMES, ...NAMES, ...ODD_NAMES])}=${random.pick(VALUES)}`
    const pairs = Array.from({ length: 1 + random.below(4) }, pair)
    yield `${random.pick(paths)}?${random.pick(['&', '&', '&', ';', '&&', '?'])}${pairs.join('&')}`
  }
}

/** What may stand where a path has an id, or any other open part. */
export const SEGMENTS: readonly string[] = [
  ...[
    LAST_ID,
    FIRST_ID,
    LAST_ID.toUpperCase(),
    `ver_8${'0'.repeat(25)}`,
    `ver_${'i'.repeat(26)}`,
    `ver_${'0'.repeat(25)}`,
  ],
  ...[
    `req_${'0'.repeat(26)}`,
    'ver_',
    'ver',
    '0',
    '-1',
    'null',
    'undefined',
    '__proto__',
    'constructor',
    'index',
    '[id]',
  ],
  ...[
    '%5Bid%5D',
    '%00',
    `${FIRST_ID}%00`,
    '%',
    '%zz',
    '%ff',
    '%c0%ae',
    '%ed%a0%80',
    '%f0%9f%98%80',
    '\xe9',
    '\x00',
    '\x7f',
  ],
  ...[
    '.',
    '..',
    '%2e',
    '%2e%2e',
    '..%2f..%2fetc%2fpasswd',
    '%2f',
    '%5c',
    '\\',
    '..\\..\\x',
    '...',
    'a/b/c/d/e/f',
    'a%2fb',
  ],
  ...['errors', 'errors/invalid_json', 'errors/%2e%2e/architecture', 'architecture', 'architecture.md', 'ARCHITECTURE'],
  ...["'", '"', '<script>', '{7*7}', '%0d%0aSet-Cookie:a=b', '%20', '+', ';a=b', ':', '@', '*', '~', '!', '$', ','],
  ...[
    'x'.repeat(300),
    'x'.repeat(5_000),
    '%41'.repeat(2_000),
    `${'a/'.repeat(2_000)}a`,
    '../'.repeat(500),
    'é',
    '.json',
    '.rsc',
  ],
]
