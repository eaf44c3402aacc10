import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { verifyErrorShape } from '@/lib/contracts/x402'
import type { ErrorCode } from '@/lib/core/error-catalogue'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { errorBody } from '@/lib/http/respond'
import { judge } from './judge'
import { compose } from './request'
import { BASE } from './routes'
import { newRun, runAll } from './run'

const VERIFY = `${BASE}/verify`
const JSON_TYPE = 'Content-Type: application/json; charset=utf-8'

/** What the judge says of an answer, as it would come over the wire. */
function complaints(target: string, first: string, body: unknown, headers = JSON_TYPE): string[] {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const received = Buffer.from(`HTTP/1.1 ${first}\r\n${headers}\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
  return judge(compose({ name: 'x', target, body: '{}' }), { received, isClosed: true }).complaints
}

/** An error as the product writes it, with a change to it. */
function refused(code: ErrorCode, change: Record<string, unknown> = {}, problems = [FIELD]) {
  const error = new AppError(code, { problems })
  const context = { requestId: newId('request', 0), publicUrl: 'http://x', errorShape: verifyErrorShape }
  const body = errorBody(error, context)
  return { ...body, error: { ...(body['error'] as object), ...change } }
}

const FIELD = { param: 'limit', message: 'is not valid', fix: 'Send a whole number.' }

describe('the judge sees what is wrong with an answer', () => {
  test('and nothing in one that is right', () => {
    expect(complaints(VERIFY, '200 OK', { isValid: true, payer: '0x1' })).toEqual([])
    const refusal = { isValid: false, invalidReason: 'invalid_payload', invalidMessage: 'x' }
    expect(complaints(VERIFY, '200 OK', refusal)).toEqual([])
    expect(complaints(VERIFY, '400 Bad Request', refused('parameter_invalid'))).toEqual([])
    expect(complaints('/x', '404 Not Found', '<html></html>', 'Content-Type: text/html')).toEqual([])
  })

  test.each([
    ['a failure of ours', '500 Internal Server Error', refused('internal_error')],
    ['a failure of ours: rpc_unavailable', '503 Service Unavailable', refused('rpc_unavailable')],
    ['no error envelope', '400 Bad Request', {}],
    ['no error envelope', '404 Not Found', { error: { code: 'constructor' } }],
    ['another status', '404 Not Found', refused('parameter_invalid')],
    ['type or retryable', '400 Bad Request', refused('invalid_json', { retryable: true }, [])],
    ['no message', '400 Bad Request', refused('invalid_json', { message: '' }, [])],
    ['no requestId', '400 Bad Request', refused('invalid_json', { requestId: 'x' }, [])],
    ['no docUrl', '400 Bad Request', refused('invalid_json', { docUrl: '/docs' }, [])],
    ['no field with its fix', '400 Bad Request', refused('parameter_invalid', {}, [])],
    ['no field with its fix', '400 Bad Request', refused('parameter_invalid', {}, [{ ...FIELD, fix: '' }])],
    ['no protocol shape', '400 Bad Request', { error: refused('invalid_json', {}, []).error }],
    ['shows the inside', '400 Bad Request', refused('invalid_json', { message: 'x\n    at f (server.ts:1:2)' }, [])],
    ['shows the inside', '400 Bad Request', refused('invalid_json', { message: 'syntax error at or near' }, [])],
    ['is not on the list', '200 OK', { isValid: false, invalidReason: 'because', invalidMessage: 'x' }],
    ['without a message', '200 OK', { isValid: false, invalidReason: 'invalid_payload' }],
    ['valid without a payer', '200 OK', { isValid: true }],
    ['no verdict', '200 OK', {}],
    ['a redirect', '308 Permanent Redirect', {}],
    ['not JSON', '200 OK', '{'],
  ])('%s', (complaint, first, body) => {
    expect(complaints(VERIFY, first, body).join()).toContain(complaint)
  })

  test.each([
    ['closed without an answer', ''],
    ['the head has no end', 'HTTP/1.1 200 OK\r\n'],
    ['the status line is', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a header is', 'HTTP/1.1 200 OK\r\nA B: c\r\n\r\n'],
    ['of 5 bytes', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'],
    ['a chunk is cut off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
    ['the status line is', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore\r\n\r\n'],
  ])('on the wire: %s', (complaint, text) => {
    const request = compose({ name: 'x', target: '/' })
    expect(judge(request, { received: Buffer.from(text), isClosed: true }).complaints.join()).toContain(complaint)
  })
})

/** A server that does everything wrong, one thing a path. */
const WRONGS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  '/api/fails': (response) => response.writeHead(500, { 'Content-Type': 'application/json' }).end('{}'),
  '/api/hangs-up': (response) => void response.destroy(),
  '/api/burns': (response) => {
    const before = process.cpuUsage()
    while (process.cpuUsage(before).user < 40_000);
    response.end('ok')
  },
  '/api/stays-cool': (response) => response.end('ok'),
}

test('a run against a server that fails, hangs up and burns its CPU finds each of them', async () => {
  const server = createServer((request, response) => WRONGS[request.url ?? '']?.(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const run = newRun()
  try {
    const { port } = server.address() as AddressInfo
    const requests = Object.keys(WRONGS).map((target) => compose({ name: target, target }))
    await runAll({ port, pid: process.pid }, requests, run)
  } finally {
    server.close()
  }
  expect(Object.keys(run.complaints)).toEqual(
    expect.arrayContaining(['500: a failure of ours: undefined', '500: no error envelope', 'closed without an answer']),
  )
  expect(run.sent).toBe(Object.keys(WRONGS).length)
  expect(run.costly.map((line) => /\[(.*?)\]/.exec(line)?.[1])).toEqual(['/api/burns'])
})
