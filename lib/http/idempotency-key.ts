import type { IncomingMessage } from 'node:http'
import { AppError } from '@/lib/core/errors'
import { singleHeader } from './single-header'

const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/

/**
 * The caller's name for one attempt, bare or as the quoted string of draft-ietf-httpapi-idempotency-key-header; null
 * without the header.
 *
 * @throws AppError `parameter_invalid`
 */
export function idempotencyKeyOf(request: IncomingMessage): string | null {
  const value = singleHeader(request, 'Idempotency-Key')
  if (value === undefined) return null
  const key = /^"(.*)"$/.exec(value)?.[1] ?? value
  if (PRINTABLE.test(key)) return key
  const problem = {
    param: 'Idempotency-Key',
    message: 'is not valid',
    fix: 'Send 1 to 255 printable characters, such as a UUID.',
  }
  throw new AppError('parameter_invalid', { problems: [problem] })
}
