import type { Random } from '@/tests/differential/random'
import { asRaw, hostileEntries, hostileValues } from './hostile-values'
import { isObject, type Json, pathsOf, valueAt, withEntries, withValue, write } from './json-text'

/** A body of /verify or /settle with what is odd about it, and headers of its own. */
export type BodyCase = { name: string; body: string | Buffer; headers?: readonly (readonly [string, string])[] }

/** Every value of a document replaced by everything hostile, taken out, and every object with hostile entries. */
export function* fieldCases(base: Json, name: string): Generator<BodyCase> {
  for (const path of pathsOf(base)) {
    const value = valueAt(base, path)
    const field = `${name} ${path.join('.') || 'the whole'}`
    yield { name: `${field} missing`, body: write(withValue(base, path, undefined)) }
    for (const hostile of hostileValues(value)) {
      yield { name: `${field} = ${hostile.name}`, body: write(withValue(base, path, asRaw(hostile))) }
    }
    if (!isObject(value)) continue
    for (const entry of hostileEntries(Object.keys(value))) {
      yield { name: `${field} with ${entry.name}`, body: write(withEntries(base, path, entry.text)) }
    }
  }
}

/** Some fields of a document changed at once, without end. */
export function* severalFields(bases: readonly Json[], random: Random): Generator<BodyCase> {
  for (;;) {
    let body = random.pick(bases)
    const names: string[] = []
    for (let left = 2 + random.below(3); left > 0; left--) {
      const path = random.pick(pathsOf(body))
      const hostile = random.pick(hostileValues(valueAt(body, path)))
      // A path that goes through a value that was replaced is none any more.
      body = withValue(body, path, random.below(6) === 0 ? undefined : asRaw(hostile))
      names.push(`${path.join('.')} = ${hostile.name}`)
    }
    yield { name: names.join(', '), body: write(body) }
  }
}

const BAD_UTF8 = ['ff', 'c080', 'eda080', 'f5808080', 'e282', 'f09f98', '80', 'c3', 'fe', 'f8888080']
const WRAPS: readonly ((text: string) => string | Buffer)[] = [
  (text) => `\ufeff${text}`,
  (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  (text) => Buffer.from(text, 'utf16le'),
  (text) => `${text}x`,
  (text) => `${text}\0`,
  (text) => `${text}${text}`,
  (text) => `${text}\n\n  `,
  (text) => `\u00a0${text}`,
  (text) => `// a comment\n${text}`,
  (text) => `/**/${text}`,
  (text) => text.replaceAll('"', "'"),
  (text) => text.replace('}', ',}'),
  (text) => text.replace(/"([a-z]\w*)":/gi, '$1:'),
  (text) => text.replaceAll('"', '\u201c'),
  (text) => `[${text}]`,
  (text) => `[${text},${text}]`,
  (text) => JSON.stringify(text),
  (text) => Buffer.from(text).toString('base64'),
  (text) => Buffer.from(text).toString('base64url'),
  (text) => JSON.stringify(Buffer.from(text).toString('base64')),
  (text) => `paymentPayload=${encodeURIComponent(text)}`,
  (text) => `<?xml version="1.0"?><verify>${text.length}</verify>`,
  (text) => `)]}',\n${text}`,
  (text) => `callback(${text})`,
  (text) => text.replaceAll(',', ',\t\r\n '),
  (text) => text.replaceAll('e', '\\u0065'),
  ...[
    '',
    ' ',
    '\n',
    '\0',
    'null',
    'true',
    'false',
    '0',
    '-',
    '1e400',
    '""',
    '"',
    '[]',
    '[',
    '{',
    '}',
    '{}',
    '{"',
    ':',
  ].map((whole) => () => whole),
  ...['NaN', 'undefined', '{"a":NaN}', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":1.}', '{a:1}', '{"a":"\t"}'].map(
    (whole) => () => whole,
  ),
  ...['{"a":"\\x"}', '{"a":"\\u12"}', '{"a":tru}', '{"__proto__":null}', '{"paymentPayload":{}}', '[]]'].map(
    (whole) => () => whole,
  ),
]
const SIZES = [65_535, 65_536, 65_537, 70_000, 131_072, 1_048_576]

/** A document that is wrong as a whole: no JSON, other encodings, other sizes. */
export function* wholeCases(base: Json, name: string): Generator<BodyCase> {
  const text = write(base)
  for (const [index, wrap] of WRAPS.entries()) yield { name: `${name} wrapped (${index})`, body: wrap(text) }
  for (const size of SIZES) {
    yield { name: `${name} of ${size} bytes by spaces`, body: text.padEnd(size) }
    const field = `{"pad":"${'x'.repeat(size - text.length - 9)}",${text.slice(1)}`
    yield { name: `${name} of ${size} bytes by a field`, body: field }
  }
  for (const bad of BAD_UTF8) {
    const bytes = Buffer.from(bad, 'hex')
    for (const at of [0, text.indexOf('"') + 1, text.lastIndexOf('"'), text.length]) {
      const body = Buffer.concat([Buffer.from(text.slice(0, at)), bytes, Buffer.from(text.slice(at))])
      yield { name: `${name} with the bytes ${bad} at ${at}`, body }
    }
  }
}

/** Bytes of a document changed, cut, doubled or made up, without end. */
export function* byteCases(bases: readonly Json[], random: Random): Generator<BodyCase> {
  const texts = bases.map((base) => Buffer.from(write(base)))
  for (;;) {
    const text = random.pick(texts)
    const at = random.below(text.length)
    yield random.pick(BYTE_CHANGES)(text, at, random)
  }
}

const BYTE_CHANGES: readonly ((text: Buffer, at: number, random: Random) => BodyCase)[] = [
  (text, at) => ({ name: `cut at ${at}`, body: text.subarray(0, at) }),
  (_text, _at, random) => ({ name: 'random bytes', body: Buffer.from(random.bytes(random.below(2_000))) }),
  (text, at, random) => ({ name: `a byte put in at ${at}`, body: spliced(text, at, 0, random.bytes(1)) }),
  (text, at, random) => ({ name: `bytes put in at ${at}`, body: spliced(text, at, 0, random.bytes(8)) }),
  (text, at, random) => ({ name: `a byte changed at ${at}`, body: spliced(text, at, 1, random.bytes(1)) }),
]

function spliced(text: Buffer, at: number, gone: number, put: Uint8Array): Buffer {
  return Buffer.concat([text.subarray(0, at), put, text.subarray(at + gone)])
}
