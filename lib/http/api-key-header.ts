import type { IncomingMessage } from 'node:http'
import { AppError } from '@/lib/core/errors'
import { singleHeader } from './single-header'

/**
 * The API key of a request, or null when none was sent. Never from a query string: those end up in logs.
 *
 * @throws AppError `parameter_invalid` when both headers are there and differ, or one came twice: whose request it is must not be a guess
 */
export function apiKeyOf(request: IncomingMessage): string | null {
  const bearer = bearerOf(singleHeader(request, 'Authorization'))
  const direct = singleHeader(request, 'X-API-Key')?.trim()
  if (bearer !== null && direct !== undefined && direct !== bearer) {
    const problem = { param: 'X-API-Key', message: 'differs from the key in Authorization', fix: 'Send one of them.' }
    throw new AppError('parameter_invalid', { problems: [problem] })
  }
  return bearer ?? direct ?? null
}

function bearerOf(header: string | undefined): string | null {
  if (header === undefined) return null
  return /^Bearer +(\S+) *$/i.exec(header)?.[1] ?? ''
}
