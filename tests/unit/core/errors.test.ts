import { describe, expect, it, vi } from 'vitest'
import { ERRORS, type ErrorCode } from '@/lib/core/error-catalogue'
import { AppError, isAppError, toAppError } from '@/lib/core/errors'

const TYPES = {
  400: ['invalid_request_error'],
  401: ['authentication_error'],
  403: ['permission_error'],
  404: ['not_found_error'],
  405: ['invalid_request_error'],
  408: ['invalid_request_error'],
  413: ['invalid_request_error'],
  415: ['invalid_request_error'],
  422: ['invalid_request_error'],
  429: ['rate_limit_error'],
  431: ['invalid_request_error'],
  500: ['api_error'],
  503: ['upstream_error'],
} as Record<number, string[]>
const catalogue = Object.entries(ERRORS) as [ErrorCode, (typeof ERRORS)[ErrorCode]][]

describe('the catalogue of errors', () => {
  it.each(catalogue)(
    '%s: status, type and whether a retry helps agree',
    (code, { status, type, retryable, message }) => {
      expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(TYPES[status]).toContain(type)
      expect(message).toMatch(/^[A-Z].*\.$/)
      if (status >= 500) expect(retryable).toBe(true)
      if (status < 429 && status !== 408) expect(retryable).toBe(false)
    },
  )

  it('a rate limit passes by itself, a quota does not', () => {
    expect([ERRORS.rate_limit_exceeded.retryable, ERRORS.quota_exceeded.retryable]).toEqual([true, false])
    expect([ERRORS.rate_limit_exceeded.status, ERRORS.quota_exceeded.status]).toEqual([429, 429])
  })
})

describe('AppError', () => {
  it('takes status and message from the catalogue', () => {
    const error = new AppError('rpc_unavailable')
    expect([error.status, error.message, error.code]).toEqual([503, ERRORS.rpc_unavailable.message, 'rpc_unavailable'])
    expect([error.problems, error.limits, error.headers, error.retryAfterSeconds]).toEqual([[], [], {}, undefined])
  })

  it('a message of its own replaces the catalogue’s', () => {
    expect(new AppError('invalid_json', { message: 'No.' }).message).toBe('No.')
  })
})

describe('toAppError', () => {
  it('what nobody foresaw is our failure, with its cause kept and its words not shown', () => {
    for (const thrown of [new Error('password is hunter2'), 'hunter2', null, undefined, { hunter2: true }]) {
      const error = toAppError(thrown)
      expect([error.code, error.status, error.message]).toEqual(['internal_error', 500, ERRORS.internal_error.message])
      expect(error.cause).toBe(thrown)
    }
  })

  it('an AppError of another copy of the module is one too: server and routes each load their own', async () => {
    vi.resetModules()
    const other = await import('@/lib/core/errors')
    const error = new other.AppError('rpc_unavailable', { retryAfterSeconds: 7 })
    expect(error).not.toBeInstanceOf(AppError)
    expect(toAppError(error)).toBe(error)
  })

  it('what only looks like one is none', () => {
    const alike = [
      Object.assign(new Error('x'), { name: 'AppError' }),
      Object.assign(new Error('x'), { name: 'AppError', code: 'ECONNRESET' }),
      Object.assign(new Error('x'), { name: 'AppError', code: 'toString' }),
      Object.assign(new Error('x'), { code: 'rpc_unavailable' }),
      { name: 'AppError', code: 'rpc_unavailable' },
    ]
    expect(alike.map(isAppError)).toEqual(alike.map(() => false))
  })

  it('an AppError stays the one it is', () => {
    const error = new AppError('quota_exceeded')
    expect(toAppError(error)).toBe(error)
  })
})
