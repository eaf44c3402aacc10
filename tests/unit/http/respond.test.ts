import { describe, expect, it } from 'vitest'
import { ErrorAnswer } from '@/lib/contracts/answers'
import { settleErrorShape, verifyErrorShape } from '@/lib/contracts/x402'
import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { AppError } from '@/lib/core/errors'
import { errorBody, errorHeaders, preflightHeaders, rawErrorAnswer, respond, respondText } from '@/lib/http/respond'
import { fakeResponse } from '@/tests/support/fake-response'

const context = { requestId: 'req_1', publicUrl: 'https://pay.example', errorShape: undefined }
const codes = Object.keys(ERRORS) as ErrorCode[]
const problems = [
  { param: 'limit', message: 'is not valid', fix: 'Send a whole number.' },
  { param: 'days', message: 'is missing', fix: 'Send it.' },
]

describe('respond', () => {
  it('sends JSON that any page may read, no cache may keep and nothing may run', () => {
    const response = fakeResponse()
    respond(response, 200, { a: 'é' }, { 'X-Request-Id': 'req_1' })
    expect(response.sent).toMatchObject({ status: 200, text: '{"a":"é"}' })
    expect(response.sent?.headers).toMatchObject({
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': '10',
      'Access-Control-Allow-Origin': '*',
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': 'req_1',
    })
    expect(response.sent?.headers).not.toHaveProperty('Access-Control-Allow-Credentials')
  })

  it('every header of ours can be read by a page', () => {
    const response = fakeResponse()
    respond(response, 200, {}, {})
    const exposed = response.sent?.headers['Access-Control-Expose-Headers']?.split(', ')
    expect(exposed).toEqual(expect.arrayContaining(['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id']))
  })

  it('what a route says goes before what is said of every answer', () => {
    const response = fakeResponse()
    respond(response, 200, {}, { 'Cache-Control': 'public, max-age=60' })
    expect(response.sent?.headers['Cache-Control']).toBe('public, max-age=60')
  })

  it('no body is no body', () => {
    const response = fakeResponse()
    respondText(response, 304, null, {})
    expect(response.sent).toMatchObject({ status: 304, text: '' })
    expect(response.sent?.headers).not.toHaveProperty('Content-Length')
  })

  it('what is JSON already is sent as it is', () => {
    const response = fakeResponse()
    respondText(response, 200, '{"big":12345678901234567890.10}', {})
    expect(response.sent?.text).toBe('{"big":12345678901234567890.10}')
  })

  it('sends nothing twice, and nothing to somebody who is gone', () => {
    const response = fakeResponse()
    respond(response, 200, { first: true }, {})
    respond(response, 500, { second: true }, {})
    expect(response.sent).toMatchObject({ status: 200, text: '{"first":true}' })
    const gone = Object.assign(fakeResponse(), { destroyed: true })
    respond(gone, 200, {}, {})
    expect(gone.sent).toBeNull()
  })
})

describe('errorBody', () => {
  it.each(codes)('%s has the one envelope', (code) => {
    const body = errorBody(new AppError(code), context)
    expect(ErrorAnswer.parse(body).error).toEqual({
      type: ERRORS[code].type,
      code,
      message: ERRORS[code].message,
      docUrl: `https://pay.example/docs/errors/${code}`,
      requestId: 'req_1',
      retryable: ERRORS[code].retryable,
    })
  })

  it('names the first wrong parameter, and lists all of them', () => {
    const { error } = errorBody(new AppError('parameter_invalid', { problems }), context) as never as { error: object }
    expect(error).toMatchObject({
      param: 'limit',
      message: 'limit is not valid. Send a whole number.',
      errors: problems,
    })
  })

  it('the cause is never sent', () => {
    const error = new AppError('internal_error', { cause: new Error('postgres://user:hunter2@db') })
    expect(JSON.stringify(errorBody(error, context))).not.toContain('hunter2')
  })

  it('the protocol routes keep the reason for official clients', () => {
    const error = new AppError('rpc_unavailable')
    expect(errorBody(error, { ...context, errorShape: verifyErrorShape })).toMatchObject({
      isValid: false,
      invalidReason: 'rpc_unavailable',
      invalidMessage: error.message,
    })
    expect(errorBody(error, { ...context, errorShape: settleErrorShape })).toMatchObject({
      success: false,
      errorReason: 'rpc_unavailable',
      transaction: '',
      network: '',
    })
  })
})

describe('errorHeaders', () => {
  it.each(codes)('%s: Retry-After on 503, WWW-Authenticate on 401', (code) => {
    const headers = errorHeaders(new AppError(code), 0)
    expect('WWW-Authenticate' in headers).toBe(ERRORS[code].status === 401)
    expect('Retry-After' in headers).toBe(ERRORS[code].status === 503)
  })

  it.each([
    [0, '1'],
    [0.2, '1'],
    [1.5, '2'],
    [60, '60'],
  ])('a wait of %s s is told as %s whole seconds', (retryAfterSeconds, told) => {
    expect(errorHeaders(new AppError('rate_limit_exceeded', { retryAfterSeconds }), 0)['Retry-After']).toBe(told)
  })

  it('tells the limits that refused, and headers of its own', () => {
    const limits = [{ name: 'minute', limit: 10, remaining: 0, windowSeconds: 60, resetSeconds: 7 }] as const
    const error = new AppError('rate_limit_exceeded', { limits, headers: { Allow: 'GET' } })
    expect(errorHeaders(error, 0)).toMatchObject({ RateLimit: '"minute";r=0;t=7', Allow: 'GET' })
  })
})

describe('rawErrorAnswer', () => {
  it('is a whole answer as it goes over the wire', () => {
    const raw = rawErrorAnswer(new AppError('headers_too_large'), context)
    const [head = '', body = ''] = raw.split('\r\n\r\n')
    expect(head.split('\r\n')[0]).toBe('HTTP/1.1 431 Request Header Fields Too Large')
    expect(head).toContain('Connection: close')
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`)
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'headers_too_large' } })
  })
})

describe('preflightHeaders', () => {
  it('lets any page send our headers, without cookies', () => {
    const headers = preflightHeaders(['POST', 'OPTIONS'])
    expect(headers['Access-Control-Allow-Methods']).toBe('POST, OPTIONS')
    expect(headers['Access-Control-Allow-Headers']).toContain('X-API-Key')
    expect(headers).not.toHaveProperty('Access-Control-Allow-Credentials')
  })
})
