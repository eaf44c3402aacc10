import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { call } from '@/tests/support/api'
import { type MagicName, magicBody } from '@/tests/support/magic'
import { DIGITS } from './hostile-values'
import { type Json, Raw, withEntries, withValue, write } from './json-text'
import { judge } from './judge'
import { readAnswers, sendRaw } from './raw-http'
import { compose, type Header, type Parts } from './request'
import { BASE } from './routes'
import { BOUND_MS, median, newRun, soloCosts } from './run'
import { type FuzzService, startService } from './service'

let service: FuzzService

beforeAll(async () => {
  service = await startService()
  await verify(write(magic()))
})

afterAll(() => service?.stop())

const JSON_TYPE: Header = ['Content-Type', 'application/json']
const key = (): Header => ['Authorization', `Bearer ${service.keys.test}`]
const url = (path: string) => `http://127.0.0.1:${service.port}${BASE}/${path}`

/** A payment whose outcome its payer forces; valid unless another name says otherwise. */
const magic = (resource?: string, name: MagicName = 'valid'): Json =>
  JSON.parse(JSON.stringify(magicBody(name, resource === undefined ? {} : { resource })))

// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape are looked into.
type Told = { status: number; body: any }

/** One request over a connection of its own; whatever the answer is, nothing may be wrong with its form. */
async function send(parts: Omit<Parts, 'name'>, isCutOff = false): Promise<Told> {
  const request = compose({ name: 'by name', ...parts })
  const exchange = await sendRaw(service.port, request.bytes, { isCutOff })
  expect(judge(request, exchange).complaints).toEqual([])
  const [answer] = readAnswers(exchange.received, request.method).answers
  const text = answer?.body.toString('utf8') ?? ''
  return { status: answer?.status ?? 0, body: text.startsWith('{') ? JSON.parse(text) : text }
}

const verify = (body: string | Buffer, headers: readonly Header[] = [key(), JSON_TYPE]) =>
  send({ target: `${BASE}/verify`, headers, body })

/** A magic payment with one field replaced by a piece of JSON text. */
const withField = (path: readonly string[], text: string) => write(withValue(magic(), path, new Raw(text)))

/** Sends bodies together, and gives what the log says of them in the end: none may cost another its row. */
async function logged(bodies: readonly string[], resources: readonly string[]) {
  const answers = await Promise.all(bodies.map((body) => verify(body)))
  await vi.waitFor(
    async () => {
      const { body } = await call(url('verifications?limit=100'), { key: service.keys.test })
      const found = new Set(body.data.map((row: { resource: string | null }) => row.resource))
      expect(resources.filter((resource) => !found.has(resource))).toEqual([])
    },
    { timeout: 20_000, interval: 100 },
  )
  return answers
}

describe('size', () => {
  const padded = (size: number) => write(magic()).padEnd(size)

  test('64 KiB are read, one byte more is 413', async () => {
    expect(await verify(padded(65_536))).toMatchObject({ status: 200, body: { isValid: true } })
    for (const size of [65_537, 1_048_576]) {
      const { status, body } = await verify(padded(size))
      expect([status, body.error.code]).toEqual([413, 'body_too_large'])
    }
  })

  test('also when no length was said, in chunks', async () => {
    const body = `${(70_000).toString(16)}\r\n${padded(70_000)}\r\n0\r\n\r\n`
    const headers: Header[] = [key(), JSON_TYPE, ['Transfer-Encoding', 'chunked']]
    const { status } = await send({ target: `${BASE}/verify`, headers, body, isUnframed: true })
    expect(status).toBe(413)
  })

  test('a compressed body is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, ' '))
    const { status, body } = await verify(bomb, [key(), JSON_TYPE, ['Content-Encoding', 'gzip']])
    expect([status, body.error.code]).toEqual([415, 'unsupported_media_type'])
  })

  test('a body that is cut off is never judged', async () => {
    const rowsBefore = (await service.logRows()).length
    const resource = 'https://seller.example/cut-off'
    const body = write(magic(resource))
    const headers: Header[] = [key(), JSON_TYPE, ['Content-Length', String(body.length + 1)]]
    expect((await send({ target: `${BASE}/verify`, headers, body, isUnframed: true }, true)).status).toBe(400)
    await logged([write(magic('https://seller.example/whole'))], ['https://seller.example/whole'])
    const rows = await service.logRows()
    expect(rows.filter((row) => row.resource === resource)).toEqual([])
    expect(rows.length).toBeGreaterThan(rowsBefore)
  })
})

describe('a number of 60,000 digits', () => {
  const places: readonly (readonly string[])[] = [
    ['x402Version'],
    ['paymentPayload', 'x402Version'],
    ['paymentRequirements', 'amount'],
    ['paymentRequirements', 'maxTimeoutSeconds'],
    ['paymentPayload', 'payload', 'authorization', 'value'],
    ['paymentPayload', 'payload', 'authorization', 'validBefore'],
    ['paymentRequirements', 'unknown'],
  ]

  test.each(places.map((path) => [path.join('.'), path] as const))(
    'as %s is answered at little cost',
    async (_, path) => {
      for (const text of [DIGITS, JSON.stringify(DIGITS)]) {
        const body = withField(path, text)
        const { status, body: answer } = await verify(body)
        if (path.includes('unknown') || path.includes('maxTimeoutSeconds')) expect([200, 400]).toContain(status)
        else expect([status === 400, answer.isValid]).toEqual([status !== 200, false])
        const request = compose({ name: 'digits', target: `${BASE}/verify`, headers: [key(), JSON_TYPE], body })
        expect(median(await soloCosts(service, request, newRun()))).toBeLessThan(BOUND_MS)
      }
    },
  )

  test('as a parameter of a query is refused by its name', async () => {
    const { status, body } = await send({
      target: `${BASE}/verifications?limit=${DIGITS.slice(0, 12_000)}`,
      headers: [key()],
    })
    expect([status, body.error.param]).toEqual([400, 'limit'])
  })
})

describe('keys that reach for a prototype', () => {
  const places = [[], ['paymentPayload'], ['paymentPayload', 'payload'], ['paymentRequirements', 'extra']]
  const names = ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']

  test.each(names)('%s is refused by its name, wherever it stands', async (name) => {
    for (const path of places) {
      const text = `"${name}":{"isValid":true,"polluted":"yes"}`
      const { status, body } = await verify(write(withEntries(magic(), path, text)))
      expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', path.join('.') || 'body'])
      expect(body.error.message).toContain('reserved key')
    }
  })

  test('and nothing that is answered later has anything of them', async () => {
    await verify(withField(['paymentRequirements', 'extra'], '{"__proto__":{"polluted":"yes"}}'))
    const refused = await verify(write(magic(undefined, 'bad signature')))
    expect(refused.body).toMatchObject({ isValid: false, invalidReason: 'invalid_exact_evm_signature' })
    for (const path of ['pricing', 'key', 'usage', 'networks', 'supported']) {
      expect(JSON.stringify((await call(url(path), { key: service.keys.test })).body)).not.toContain('polluted')
    }
  })
})

describe('text that a database cannot hold', () => {
  const at = (name: string) => `https://seller.example/${name}`
  const neighbour = (name: string) => write(magic(at(name)))

  test('a NUL in the resource, a description or an unknown field costs no row its place in the log', async () => {
    const withNul = `"${at('nul')}\\u0000"`
    const bodies = [
      neighbour('before-nul'),
      withField(['paymentPayload', 'resource'], `{"url":${withNul}}`),
      withField(['paymentRequirements', 'description'], withNul),
      withField(['paymentPayload', 'unknown\0'], '{"\\u0000":"\\u0000"}'),
      neighbour('after-nul'),
    ]
    const answers = await logged(bodies, [at('before-nul'), at('nul'), at('after-nul')])
    expect(answers.map(({ status, body }) => [status, body.isValid])).toEqual(bodies.map(() => [200, true]))
  })

  test('nor does half of a pair, sent as such or left by cutting a long resource', async () => {
    const long = `${at('')}${'a'.repeat(511 - at('').length)}`
    const bodies = [
      neighbour('before-half'),
      withField(['paymentPayload', 'resource'], `{"url":"${at('half')}\\ud800"}`),
      withField(['paymentPayload', 'resource'], `{"url":"${long}\u{1f600}"}`),
      withField(['paymentRequirements', 'description'], '"\\udc00\\ud800"'),
      neighbour('after-half'),
    ]
    const answers = await logged(bodies, [at('before-half'), `${at('half')}\ufffd`, `${long}\ufffd`, at('after-half')])
    expect(answers.map(({ status, body }) => [status, body.isValid])).toEqual(bodies.map(() => [200, true]))
  })

  test('the request is shown as it came', async () => {
    const text = `"${at('shown')}\\u0000\\ud800"`
    await logged([withField(['paymentPayload', 'resource'], `{"url":${text}}`)], [`${at('shown')}\ufffd`])
    const list = await call(url('verifications?limit=100'), { key: service.keys.test })
    const { id } = list.body.data.find((row: { resource: string | null }) => row.resource?.startsWith(at('shown')))
    const { status, body } = await send({ target: `${BASE}/verifications/${id}`, headers: [key()] })
    expect(status).toBe(200)
    expect(body.request.paymentPayload.resource.url).toBe(JSON.parse(text))
  })
})

describe('text that is none', () => {
  test.each(['ff', 'c080', 'eda080', 'f5808080', 'e282'])('the bytes %s are not UTF-8', async (bytes) => {
    const [before, after] = withField(['paymentRequirements', 'description'], '"|"').split('|')
    const { status, body } = await verify(
      Buffer.concat([Buffer.from(before ?? ''), Buffer.from(bytes, 'hex'), Buffer.from(after ?? '')]),
    )
    expect([status, body.error.code, body.error.message]).toEqual([
      400,
      'invalid_json',
      expect.stringContaining('UTF-8'),
    ])
  })

  test('base64 in the place of JSON is no JSON, good or bad', async () => {
    const base64 = Buffer.from(write(magic())).toString('base64')
    for (const body of [base64, '!!!', '====', JSON.stringify(base64)]) {
      const { status, body: answer } = await verify(body)
      expect([status, answer.isValid]).toEqual([400, false])
      expect(['invalid_json', 'parameter_invalid']).toContain(answer.error.code)
    }
  })

  test('base64 in the place of hex is a bad payload', async () => {
    const { status, body } = await verify(withField(['paymentPayload', 'payload', 'signature'], '"aGVsbG8="'))
    expect([status, body.invalidReason]).toEqual([200, 'invalid_payload'])
  })

  test('a payment in a header is not read, so it can be anything', async () => {
    for (const value of ['!!!', '=', 'eyJhIjox', 'A'.repeat(7_000), '\xff']) {
      const headers: Header[] = [key(), JSON_TYPE, ['X-PAYMENT', value], ['PAYMENT-SIGNATURE', value]]
      expect(await verify(write(magic()), headers)).toMatchObject({ status: 200, body: { isValid: true } })
    }
  })

  test.each([
    ['10,000 levels of arrays', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['9,000 levels of objects', `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`],
  ])('%s are too deep', async (_, text) => {
    const { status, body } = await verify(withField(['paymentRequirements', 'extra'], text))
    expect([status, body.error.code, body.error.errors[0].message]).toEqual([
      400,
      'parameter_invalid',
      'is nested too deep',
    ])
  })
})

describe('headers that come twice', () => {
  const body = write(magic())
  const bearer = (value: string): Header => ['Authorization', `Bearer ${value}`]

  test('two keys are refused, for whose request it is must not be a guess', async () => {
    const { test: one, live: other } = service.keys
    const doubled: Header[][] = [
      [bearer(one), bearer(other)],
      [
        ['X-API-Key', one],
        ['X-API-Key', other],
      ],
      [bearer(one), ['X-API-Key', other]],
    ]
    for (const headers of doubled) {
      const { status, body: answer } = await verify(body, [...headers, JSON_TYPE])
      expect([status, answer.isValid], headers.map(([name]) => name).join(' and ')).not.toEqual([200, true])
      expect([400, 401]).toContain(status)
    }
  })

  test('two types of one body are refused, in either order', async () => {
    const types: Header[] = [JSON_TYPE, ['Content-Type', 'text/plain']]
    const statuses = []
    for (const headers of [types, types.toReversed()]) statuses.push((await verify(body, [key(), ...headers])).status)
    for (const status of statuses) expect([400, 415]).toContain(status)
  })

  test('two lengths of one body are refused', async () => {
    const headers: Header[] = [key(), JSON_TYPE, ['Content-Length', '5'], ['Content-Length', String(body.length)]]
    const { status, body: answer } = await send({ target: `${BASE}/verify`, headers, body, isUnframed: true })
    expect([status, answer.error.code]).toEqual([400, 'malformed_request'])
  })
})

describe('where a request goes', () => {
  test.each(['/livez', '/readyz', '/api/livez', '/', '/docs/architecture', `${BASE}/pricing`, `${BASE}/verify`])(
    'one that names another host with %s is not passed on to it',
    async (path) => {
      let callers = 0
      const trap = createServer((socket) => {
        callers++
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntrapped')
      })
      await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
      try {
        const address = trap.address()
        const host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
        const request = compose({ name: 'absolute', target: `http://${host}${path}`, headers: [key()] })
        const { received } = await sendRaw(service.port, request.bytes)
        expect(received.toString('latin1')).not.toContain('trapped')
        expect(callers).toBe(0)
      } finally {
        trap.close()
      }
    },
  )

  test('a parameter that a list does not know is refused by its own name, with what to do', async () => {
    const { status, body } = await send({ target: `${BASE}/verifications?payr=0x1`, headers: [key()] })
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', 'payr'])
  })

  test('a page whose name is too long for a file is not there', async () => {
    expect((await send({ target: `/docs/${'x'.repeat(300)}` })).status).toBe(404)
  })

  test.each(['*', 'http://', 'http://:99999/', 'http://[::1/'])(
    '%s is no path, and no failure of ours',
    async (target) => {
      const { status } = await send({ method: 'OPTIONS', target })
      expect(status).toBeLessThan(500)
    },
  )

  test('thousands of parameters cost no more than one', async () => {
    const request = compose({ name: 'parameters', target: `${BASE}/pricing?${'a&'.repeat(3_000)}`, headers: [key()] })
    expect(median(await soloCosts(service, request, newRun()))).toBeLessThan(BOUND_MS)
  })
})
