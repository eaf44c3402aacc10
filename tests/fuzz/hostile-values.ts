import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { type Json, Raw, write } from './json-text'

/** Values to put in the place of a good one: JSON text that is legal, whatever it means. */
type Hostile = { name: string; text: string }

const raw = (text: string, name = text): Hostile => ({ name, text })
const quoted = (value: string, name = JSON.stringify(value)): Hostile => ({ name, text: JSON.stringify(value) })
/** A string whose escapes are written out, so that it can hold halves of a pair. */
const escaped = (inner: string): Hostile => raw(`"${inner}"`)

export const DIGITS = '7'.repeat(60_000)
const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth)

const WRONG_TYPES = ['null', 'true', 'false', '{}', '[]', '[[]]', '[null]', '{"":null}', '""'].map((text) => raw(text))

const NUMBERS = [
  ...['0', '-0', '-1', '1', '2', '3', '1.5', '2.0', '1e3', '1e400', '-1e400', '1e-400', '9007199254740993'],
  ...['4102444800', '115792089237316195423570985008687907853269984665640564039457584007913129639936'],
].map((text) => raw(text))

const NUMBER_TEXTS = [
  ...['0', '1', '-1', '+1', '00', '01', '1.0', '1.', '.5', '1e3', '1E400', '0x10', '0b1', '1_000', '1,000', ' 1', '1 '],
  ...['1\n', '١٢', '１２', 'NaN', 'Infinity', '-0', '1n', '9'.repeat(77), '9'.repeat(78), '9'.repeat(79)],
  ...[String(2n ** 256n), String(2n ** 256n - 1n), String(2n ** 255n), '4102444800', '999', '1000'],
].map((text) => quoted(text))

const HEX_TEXTS = [
  ...['0x', '0X', '0', 'x', '0x0', '0x00', '0xg', '0x0g', `0x${'0'.repeat(39)}`, `0x${'0'.repeat(40)}`, '0'.repeat(40)],
  ...[
    `0X${'0'.repeat(40)}`,
    `0x${'g'.repeat(40)}`,
    `0x${'F'.repeat(40)}`,
    `0x${'0'.repeat(41)}`,
    `0x${'f'.repeat(64)}`,
  ],
  ...[`0x${'f'.repeat(63)}`, `0x${'0'.repeat(130)}`, `0x${'f'.repeat(130)}`, `0x${'0'.repeat(128)}`],
  ...[
    `0x${'6492'.repeat(16)}`,
    `0x${'00'.repeat(96)}${'6492'.repeat(16)}`,
    `0x${'ff'.repeat(300)}${'6492'.repeat(16)}`,
  ],
  ...[`0x${'ab'.repeat(4_096)}`, `0x${'ab'.repeat(4_097)}`, `0x${'ab'.repeat(28_000)}`],
].map((text) => quoted(text, shorten(text)))

const TEXTS = [
  ...[' ', '\t', '\r\n', 'true', 'null', 'undefined', '__proto__', 'constructor', 'prototype', 'toString'],
  ...['hasOwnProperty', 'valueOf', 'length', 'then', '../../../etc/passwd', '%00', '%', '{7*7}', '{{7*7}}'],
  ...["' OR '1'='1", '"; --', '\\', '<script>alert(1)</script>', '=1+1', 'javascript:alert(1)', 'file:///etc/passwd'],
  ...['exact', 'EXACT', 'upto', 'exact ', 'eip155:84532', 'eip155:8453', 'eip155:1', 'EIP155:84532', 'eip155:084532'],
  ...['eip155:', 'eip155:84532\n', `eip155:${'9'.repeat(40)}`, 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp', 'base'],
  ...[
    'base-sepolia',
    'https://seller.example/a?b=c#d',
    `https://seller.example/${'a'.repeat(600)}`,
    'https://[',
    'data:,',
  ],
  ...[
    'aGVsbG8=',
    'aGVsbG8',
    '!!!not base64!!!',
    '=',
    '====',
    'eyJhIjoxfQ==',
    'eyJ4NDAyVmVyc2lvbiI6',
    '2026-11-21T10:00:00Z',
  ],
  ...['👩‍👩‍👧‍👦', '\u202egnol', '\ufeff', '\u2028', 'é', 'e\u0301', '\u007f', 'ＵＳＤＣ', 'USDC', '2', '𝟚'],
  ...Object.keys(MAGIC_PAYERS),
].map((text) => quoted(text, shorten(text)))

const ESCAPES = [
  ...['\\u0000', 'a\\u0000b', '\\ud800', '\\udc00', 'a\\ud800', '\\udc00\\ud800', '\\ud83d\\ude00', '\\u0001\\u001f'],
  ...['\\/', '\\b\\f\\n\\r\\t', '\\uffff', '\\ufffe', '\\u005f_proto__'],
].map(escaped)

const KEYS = [
  ...['{"__proto__":{"isValid":true}}', '{"__proto__":null}', '{"constructor":{"prototype":{"isValid":true}}}'],
  ...['{"prototype":1}', '{"toString":1}', '{"valueOf":null}', '{"length":1000000000}', '{"then":1}', '{"toJSON":1}'],
  ...[
    '{"a":1,"a":2}',
    '{"\\u0000":1}',
    '{"\\ud800":1}',
    '{"$ne":null}',
    '{"url":{"url":1}}',
    '{"name":{},"version":[]}',
  ],
].map((text) => raw(text))

const LARGE = [
  raw(DIGITS, '60,000 digits'),
  raw(`-${DIGITS}.${'3'.repeat(10)}e99999`, '60,000 digits with a sign, a fraction and an exponent'),
  quoted(DIGITS, '60,000 digits as text'),
  quoted(`0x${'a'.repeat(60_000)}`, '60,000 hex digits'),
  quoted('a'.repeat(60_000), '60,000 letters'),
  quoted(' '.repeat(60_000), '60,000 spaces'),
  quoted('0'.repeat(60_000), '60,000 zeros'),
  quoted('😀'.repeat(15_000), '15,000 emoji'),
  raw(`"${'\\u0000'.repeat(10_000)}"`, '10,000 NULs'),
  raw(nested('[', ']', 10_000), '10,000 levels of arrays'),
  raw(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`, '9,000 levels of objects'),
  raw(nested('[', ']', 12), '12 levels of arrays'),
  raw(`[${'0,'.repeat(30_000)}0]`, '30,000 numbers'),
  raw(`[${'{},'.repeat(20_000)}{}]`, '20,000 objects'),
  raw(`[${'[],'.repeat(20_000)}[]]`, '20,000 arrays'),
  raw(`{${Array.from({ length: 6_000 }, (_, key) => `"k${key}":0`).join(',')}}`, '6,000 keys'),
  raw(`{${Array.from({ length: 5_000 }, (_, key) => `"${key}":{}`).join(',')}}`, '5,000 index keys'),
  raw(`{${'"a":0,'.repeat(9_000)}"a":1}`, '9,000 times one key'),
]

const ANY = [...WRONG_TYPES, ...NUMBERS, ...NUMBER_TEXTS, ...HEX_TEXTS, ...TEXTS, ...ESCAPES, ...KEYS, ...LARGE]

/** Everything to try in the place of a value: what fits nowhere, and what is almost the value. */
export function hostileValues(original: Json): readonly Hostile[] {
  return [...ANY, ...(typeof original === 'string' ? almost(original) : aroundOther(original))]
}

function almost(text: string): Hostile[] {
  return [
    ...[text.toUpperCase(), text.toLowerCase(), `${text}0`, text.slice(0, -1), ` ${text}`, `${text} `, `${text}\n`],
    ...[text.replace(/^0x/, ''), text.replace(/^0x/, '0X'), `0x${text}`, text.repeat(2), [...text].reverse().join('')],
  ]
    .map((changed) => quoted(changed, shorten(changed)))
    .concat(
      escaped(`${text}\\u0000`),
      escaped(`\\u0000${text}`),
      escaped(`${text}\\ud800`),
      escaped(`\\ufeff${text}`),
      ...aroundOther(text),
    )
}

function aroundOther(original: Json): Hostile[] {
  const text = write(original)
  return [raw(`[${text}]`), raw(`{"value":${text}}`), quoted(text, 'itself as text')].map(({ name, text: inner }) => ({
    name: shorten(name),
    text: inner,
  }))
}

/** Entries to add to an object, as JSON text. */
export function hostileEntries(keys: readonly string[]): readonly Hostile[] {
  return [
    ...['"__proto__":{"isValid":true}', '"\\u005f_proto__":1', '"constructor":{"prototype":{}}', '"prototype":[]'],
    ...['"":0', '"\\u0000":0', '"\\ud800":0', '"toString":0', '"hasOwnProperty":0', '"then":{}', '"unknown":[[[]]]'],
    ...keys.flatMap((key) => ['null', '0', '"x"', '{}'].map((value) => `${JSON.stringify(key)}:${value}`)),
    ...[`"${'k'.repeat(50_000)}":0`, `"k":${nested('[', ']', 9)}`],
  ].map((text) => raw(text, shorten(text)))
}

export function asRaw({ text }: Hostile): Raw {
  return new Raw(text)
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 40)}… (${text.length})` : text
}
