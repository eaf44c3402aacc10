import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import type { Caller, Endpoints, Parser } from '@/lib/http/endpoint'
import { handleRequest, type RequestLine, type RouteDeps } from '@/lib/http/route'
import { type FakeRequestOptions, fakeRequest } from '@/tests/support/fake-request'
import { fakeResponse } from '@/tests/support/fake-response'

const caller = { tenantId: 'ten_1', keyId: 'key_1', mode: 'test', scopes: new Set(['verify']) } as unknown as Caller
const report = { name: 'minute', limit: 10, remaining: 9, windowSeconds: 60, resetSeconds: 60 } as const
const GOOD = { authorization: 'Bearer GOOD' }

type Changes = Partial<RouteDeps<object>> & { ends?: boolean[]; lines?: RequestLine[]; asked?: string[] }

function deps({ ends = [], lines = [], asked = [], ...changes }: Changes = {}): RouteDeps<object> {
  const taken = (name: string) => {
    asked.push(name)
    return Promise.resolve({ reports: [report], end: (isVerdict: boolean) => void ends.push(isVerdict) })
  }
  return {
    now: () => 1_800_000_000_000,
    publicUrl: 'https://pay.example',
    services: {},
    authenticate: async (key) => {
      if (key === 'GOOD') return caller
      throw new AppError(key === 'AWAY' ? 'database_unavailable' : 'api_key_invalid')
    },
    limitCaller: (_, kind) => taken(`caller ${kind}`),
    limitAddress: (_, kind) => taken(`address ${kind}`),
    logRequest: (line) => void lines.push(line),
    ...changes,
  }
}

const anything = ((value: unknown) => ({ value })) as Parser<never>
const endpoints: Endpoints<object, Caller> = {
  POST: {
    auth: 'key',
    scope: 'verify',
    limit: 'verification',
    body: anything,
    handle: (_, { body }) => ({ body: { got: body }, isVerdict: true }),
  },
  GET: { auth: 'open', limit: 'public', handle: (_, context) => ({ body: { mode: context.caller?.mode ?? null } }) },
}

async function ask(options: FakeRequestOptions, changes: Changes = {}, table = endpoints) {
  const response = fakeResponse()
  await handleRequest(deps(changes), table, fakeRequest(options), response)
  const { status, headers, text } = response.sent ?? { status: 0, headers: {} as Record<string, string>, text: '' }
  return { status, headers, body: text === '' ? null : JSON.parse(text) }
}

const post = (headers: Record<string, string> = GOOD, chunks = ['{"a":1}']) => ({ method: 'POST', headers, chunks })

describe('a good request', () => {
  it('is answered with its id and its limits, and keeps its unit when the answer was a verdict', async () => {
    const ends: boolean[] = []
    const { status, headers, body } = await ask(post(), { ends })
    expect([status, body, ends]).toEqual([200, { got: { a: 1 } }, [true]])
    expect(headers['X-Request-Id']).toMatch(/^req_/)
    expect(headers['RateLimit']).toBe('"minute";r=9;t=60')
  })

  it('is one line of the log', async () => {
    const lines: RequestLine[] = []
    await ask({ ...post(), url: '/api/v1/x402/verify?x=secret' }, { lines })
    expect(lines).toEqual([
      expect.objectContaining({ method: 'POST', path: '/api/v1/x402/verify', status: 200, error: null }),
    ])
    expect(JSON.stringify(lines)).not.toContain('secret')
  })
})

describe('what can go wrong', () => {
  it.each([
    ['no key', {}, 401, 'api_key_missing'],
    ['a wrong key', { authorization: 'Bearer BAD' }, 401, 'api_key_invalid'],
    ['a key that cannot be looked up', { authorization: 'Bearer AWAY' }, 503, 'database_unavailable'],
    ['a wrong content type', { ...GOOD, 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
  ])('%s', async (_, headers: Record<string, string>, status, code) => {
    const answer = await ask(post(headers))
    expect([answer.status, answer.body.error.code]).toEqual([status, code])
    expect(answer.body.error.requestId).toBe(answer.headers['X-Request-Id'])
  })

  it('a key without the scope is refused, and its name told', async () => {
    const table = { POST: { ...endpoints.POST, scope: 'settle' } } as Endpoints<object, Caller>
    const { status, body } = await ask(post(), {}, table)
    expect([status, body.error.code]).toEqual([403, 'insufficient_scope'])
    expect(body.error.message).toContain('"settle"')
  })

  it('a wrong key counts against the address, so that nobody tries keys at leisure', async () => {
    const asked: string[] = []
    await ask(post({ authorization: 'Bearer BAD' }), { asked })
    expect(asked).toEqual(['address anonymous'])
  })

  it('a limit that refuses does so before the body is looked at, and a body that fails then ends nothing', async () => {
    const limitCaller = () => Promise.reject(new AppError('rate_limit_exceeded', { retryAfterSeconds: 3 }))
    const { status, headers } = await ask(post(GOOD, ['{']), { limitCaller })
    expect([status, headers['Retry-After']]).toEqual([429, '3'])
  })

  it('a handler that throws what nobody foresaw is a 500 without its words, and gives the unit back', async () => {
    const ends: boolean[] = []
    const lines: RequestLine[] = []
    const handle = () => {
      throw new Error('hunter2')
    }
    const table = { POST: { ...endpoints.POST, handle } } as unknown as Endpoints<object, Caller>
    const { status, body } = await ask(post(), { ends, lines }, table)
    expect([status, body.error.code, ends]).toEqual([500, 'internal_error', [false]])
    expect(JSON.stringify(body)).not.toContain('hunter2')
    expect(lines[0]?.error?.cause).toBeInstanceOf(Error)
  })

  it('an answer that is no verdict gives the unit back, once', async () => {
    const ends: boolean[] = []
    const broken = await ask(post(GOOD, ['{']), { ends })
    expect([broken.status, ends]).toEqual([400, [false]])
  })

  it('a method that the route has not is told with those it has', async () => {
    for (const method of ['DELETE', 'PATCH', 'constructor', '__proto__', 'get']) {
      const { status, headers } = await ask({ method })
      expect([status, headers['Allow']]).toEqual([405, 'POST, GET, OPTIONS'])
    }
  })

  it('after a body too large the connection is closed', async () => {
    const { status, headers } = await ask({ ...post(), headers: { ...GOOD, 'content-length': '70000' } })
    expect([status, headers['Connection']]).toEqual([413, 'close'])
  })
})

describe('the open routes', () => {
  it('answer anybody, and a key its own view', async () => {
    expect((await ask({ method: 'GET' })).body).toEqual({ mode: null })
    expect((await ask({ method: 'GET', headers: GOOD })).body).toEqual({ mode: 'test' })
  })

  it('refuse a wrong key rather than show somebody else’s view', async () => {
    expect((await ask({ method: 'GET', headers: { authorization: 'Bearer BAD' } })).status).toBe(401)
  })

  it('do not go down with the database', async () => {
    const answer = await ask({ method: 'GET', headers: { authorization: 'Bearer AWAY' } })
    expect([answer.status, answer.body]).toEqual([200, { mode: null }])
  })

  it('HEAD is GET', async () => {
    expect((await ask({ method: 'HEAD' })).status).toBe(200)
  })

  it('what the caller has already is not sent again', async () => {
    const handle = () => ({ body: {}, headers: { ETag: '"1"' } })
    const table = { GET: { auth: 'open', limit: 'public', handle } } as Endpoints<object, Caller>
    expect((await ask({ method: 'GET', headers: { 'if-none-match': '"1"' } }, {}, table)).status).toBe(304)
    expect((await ask({ method: 'GET', headers: { 'if-none-match': '"2"' } }, {}, table)).status).toBe(200)
  })

  it('a query that reaches for a prototype is refused', async () => {
    const table = { GET: { ...endpoints.GET, query: anything } } as Endpoints<object, Caller>
    const { status, body } = await ask({ method: 'GET', url: '/?__proto__=1' }, {}, table)
    expect([status, body.error.param]).toEqual([400, '__proto__'])
  })

  it('those for probes do not even look at a key', async () => {
    const table = { GET: { ...endpoints.GET, auth: 'none' } } as Endpoints<object, Caller>
    for (const headers of [GOOD, { authorization: 'Bearer BAD' }, { authorization: 'Basic eDp5' }]) {
      expect(await ask({ method: 'GET', headers }, {}, table)).toMatchObject({ status: 200, body: { mode: null } })
    }
  })

  it('a browser that asks whether it may call is told yes', async () => {
    const { status, headers, body } = await ask({ method: 'OPTIONS' })
    expect([status, body]).toEqual([204, null])
    expect(headers['Access-Control-Allow-Methods']).toBe('POST, GET, OPTIONS')
  })
})
