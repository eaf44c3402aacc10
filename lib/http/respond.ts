import { type ServerResponse, STATUS_CODES } from 'node:http'
import { ERRORS } from '@/lib/core/error-catalogue'
import type { AppError } from '@/lib/core/errors'
import type { ErrorShape } from './endpoint'
import { rateLimitHeaders } from './rate-limit-headers'
import { API_CSP, SECURITY_HEADERS } from './security-headers'

const EXPOSED = [
  'Idempotent-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
].join(', ')

/** Headers of every answer of the API: any page may read it, none with credentials, no cache may keep it. */
const API_HEADERS: Readonly<Record<string, string>> = {
  ...SECURITY_HEADERS,
  'Content-Security-Policy': API_CSP,
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': EXPOSED,
  'Cache-Control': 'no-store',
  'Content-Type': 'application/json; charset=utf-8',
}

/** Answers with a body written as JSON. */
export function respond(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  respondText(response, status, JSON.stringify(body), headers)
}

/** An answer whose body is JSON already; null for one that has no body, and then no length either. */
export function respondText(
  response: ServerResponse,
  status: number,
  text: string | null,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent || response.destroyed) return
  const length = text === null ? {} : { 'Content-Length': String(Buffer.byteLength(text)) }
  response.writeHead(status, { ...API_HEADERS, ...headers, ...length })
  response.end(text ?? undefined)
}

export type ErrorContext = { requestId: string; publicUrl: string; errorShape: ErrorShape | undefined }

/** The one error envelope. Nothing in it may tell a stranger anything of a tenant: official clients show it to payers. */
export function errorBody(
  error: AppError,
  { requestId, publicUrl, errorShape }: ErrorContext,
): Record<string, unknown> {
  const { type, retryable } = ERRORS[error.code]
  const [problem] = error.problems
  const message = problem ? `${problem.param} ${problem.message}. ${problem.fix}` : error.message
  return {
    ...errorShape?.(error.code, message),
    error: {
      type,
      code: error.code,
      message,
      ...(problem && { param: problem.param, errors: error.problems }),
      docUrl: `${publicUrl}/docs/errors/${error.code}`,
      requestId,
      retryable,
    },
  }
}

/** An answer as it goes over the wire, for requests that Node refuses before there is a response to write to. */
export function rawErrorAnswer(error: AppError, context: ErrorContext): string {
  const body = JSON.stringify(errorBody(error, context))
  const headers = { ...API_HEADERS, Connection: 'close', 'Content-Length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`, ...lines, '', body].join('\r\n')
}

/** What an error adds to the headers: its limits, how to authenticate, when to come back (seconds). */
export function errorHeaders(error: AppError, nowMs: number): Record<string, string> {
  const headers: Record<string, string> = { ...rateLimitHeaders(error.limits, nowMs), ...error.headers }
  const { status } = error
  if (status === 401) headers['WWW-Authenticate'] = 'Bearer'
  const retryAfter = error.retryAfterSeconds ?? (status === 503 ? 5 : undefined)
  if (retryAfter !== undefined) headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfter)))
  return headers
}

/** The answer to a browser's question whether it may call: yes, from anywhere, without cookies. */
export function preflightHeaders(methods: readonly string[]): Record<string, string> {
  return {
    'Access-Control-Allow-Methods': methods.join(', '),
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, X-API-Key, Idempotency-Key',
    'Access-Control-Max-Age': '86400',
  }
}
