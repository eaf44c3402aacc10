import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AppError } from '@/lib/core/errors'
import { MAX_BODY_BYTES, readJsonBody } from '@/lib/http/read-body'
import { type FakeRequestOptions, fakeRequest } from '@/tests/support/fake-request'
import { fastestMs } from '@/tests/support/fastest-ms'

const read = (body: string | Uint8Array, options: FakeRequestOptions = {}) =>
  readJsonBody(fakeRequest({ chunks: [body], ...options }))
const refusalOf = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: AppError) => error,
  )
const codeOf = async (promise: Promise<unknown>) => (await refusalOf(promise))?.code ?? null
const withType = (type: string) => ({ headers: { 'content-type': type } })

/** Nested lists or objects, so many levels deep. */
const nested = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels)
const nestedObjects = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`

describe('the size', () => {
  it('64 KiB are read, a byte more is too large', async () => {
    const fill = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`
    expect((await read(fill(MAX_BODY_BYTES))).text).toHaveLength(MAX_BODY_BYTES)
    expect(await codeOf(read(fill(MAX_BODY_BYTES + 1)))).toBe('body_too_large')
  })

  it('counts bytes and not characters', async () => {
    expect(await codeOf(read(`"${'é'.repeat(MAX_BODY_BYTES / 2)}"`))).toBe('body_too_large')
  })

  it('a length that is announced as too large is refused before anything is read', async () => {
    const request = fakeRequest({ chunks: ['{}'], headers: { 'content-length': String(MAX_BODY_BYTES + 1) } })
    expect(await codeOf(readJsonBody(request))).toBe('body_too_large')
    expect(request.readableFlowing).toBeNull()
  })

  it('is counted over all pieces, whatever was announced', async () => {
    const chunks = Array.from({ length: 70 }, () => ' '.repeat(1_024))
    expect(await codeOf(readJsonBody(fakeRequest({ chunks, headers: { 'content-length': '2' } })))).toBe(
      'body_too_large',
    )
  })
})

describe('the form', () => {
  it('what was sent is given back as text and as what it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 5 }), fc.nat(), async (text, place) => {
        fc.pre(!/"(__proto__|constructor|prototype)"/.test(text))
        const bytes = Buffer.from(text)
        const cut = place % (bytes.length + 1)
        const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)]
        const sent = bytes.toString('utf8')
        expect(await readJsonBody(fakeRequest({ chunks }))).toEqual({ text: sent, value: JSON.parse(sent) })
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    ['nothing', ''],
    ['blanks', ' \n\t '],
    ['text', 'hello'],
    ['a body cut off', '{"a":'],
    ['two values', '{} {}'],
    ['a comment', '{} // yes'],
    ['single quotes', "{'a':1}"],
    ['a comma at the end', '[1,]'],
    ['a byte order mark', '\ufeff{}'],
    ['NaN', '{"a":NaN}'],
    ['a leading zero', '{"a":01}'],
    ['a NUL', '{"a":"\0"}'],
    ['a lone quote', '"'],
  ])('%s is not JSON', async (_, body) => {
    expect(await codeOf(read(body))).toBe('invalid_json')
  })

  it('an empty body is told as empty', async () => {
    expect((await refusalOf(readJsonBody(fakeRequest())))?.message).toBe('The body is empty. Send one JSON object.')
  })

  it.each([
    ['a lone continuation byte', [0x22, 0x80, 0x22]],
    ['a sequence cut off', [0x22, 0xe2, 0x82, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['UTF-16', [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]],
    ['Latin-1', [0x22, 0xe9, 0x22]],
  ])('%s is not UTF-8', async (_, bytes) => {
    const error = await refusalOf(read(Uint8Array.from(bytes)))
    expect([error?.code, error?.message]).toEqual(['invalid_json', 'The body is not valid UTF-8.'])
  })

  it('a character whose bytes come in two pieces is one character', async () => {
    const bytes = Buffer.from('"€💵"')
    for (let cut = 1; cut < bytes.length; cut++) {
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)]
      expect((await readJsonBody(fakeRequest({ chunks }))).value).toBe('€💵')
    }
  })

  it('a sender who hangs up is told as late, and nobody waits for it', async () => {
    expect(await codeOf(read('{"a":', { breaksOff: true }))).toBe('request_timeout')
  })

  it('whatever bytes come, the answer is a value or an error of the catalogue', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const code = await codeOf(read(bytes))
        expect([null, 'invalid_json', 'parameter_invalid']).toContain(code)
      }),
      { numRuns: 500 },
    )
  })
})

describe('the depth', () => {
  it.each([
    ['lists', nested(16), nested(17)],
    ['objects', nestedObjects(16), nestedObjects(17)],
  ])('16 levels of %s are read, 17 are too deep', async (_, fits, tooDeep) => {
    expect((await read(fits)).text).toBe(fits)
    expect(await codeOf(read(tooDeep))).toBe('parameter_invalid')
  })

  it('32,000 levels neither break nor take long', async () => {
    const refused = async () => expect(await codeOf(read(nested(32_000)))).toBe('parameter_invalid')
    expect(await fastestMs(refused)).toBeLessThan(200)
  })

  it('the parameter is named by its path, shortened', async () => {
    const error = await refusalOf(read(nestedObjects(17).replaceAll('"a"', `"${'k'.repeat(300)}"`)))
    expect(error?.problems[0]?.param).toMatch(/^k{40}(\.k{1,40})*$/)
    expect(error?.problems[0]?.param.length).toBeLessThanOrEqual(200)
  })
})

describe('reserved keys', () => {
  it.each(['__proto__', 'constructor', 'prototype'])('%s is refused at every depth', async (key) => {
    for (const body of [`{"${key}":1}`, `{"a":[{"b":{"${key}":{}}}]}`, `[{"${key}":null}]`]) {
      const error = await refusalOf(read(body))
      expect(error?.code).toBe('parameter_invalid')
      expect(error?.problems[0]?.message).toContain(key)
    }
  })

  it('is refused however it is spelt', async () => {
    expect(await codeOf(read('{"\\u005f_proto__":{"isAdmin":true}}'))).toBe('parameter_invalid')
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
  })

  it('as a value it is a value', async () => {
    expect((await read('{"a":"__proto__"}')).value).toEqual({ a: '__proto__' })
  })
})

describe('the content type', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    ' application/json ;charset="UTF-8"',
    'application/vnd.api+json',
  ])('%s is read', async (type) => {
    expect((await read('{}', withType(type))).value).toEqual({})
  })

  it('none is taken for JSON', async () => {
    expect((await read('{}')).value).toEqual({})
  })

  it.each([
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'json',
    '',
    'text/html+json',
  ])('%j is refused', async (type) => {
    expect(await codeOf(read('{}', withType(type)))).toBe('unsupported_media_type')
  })

  it.each(['gzip', 'br', 'deflate'])('a body encoded by %s is refused', async (encoding) => {
    expect(await codeOf(read('{}', { headers: { 'content-encoding': encoding } }))).toBe('unsupported_media_type')
  })
})
