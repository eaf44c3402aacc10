import type { IncomingMessage } from 'node:http'
import { AppError } from '@/lib/core/errors'

/**
 * A header that a request may send once. Of two Node keeps the first and a proxy before it perhaps the other: which of
 * them is meant must not be a guess.
 *
 * @throws AppError `parameter_invalid`
 */
export function singleHeader(
  { headers, rawHeaders }: IncomingMessage,
  name: 'Authorization' | 'X-API-Key' | 'Content-Type' | 'Idempotency-Key',
): string | undefined {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const raw = rawHeaders[index] as string
    if (raw.length === name.length && raw.toLowerCase() === name.toLowerCase()) count++
  }
  if (count > 1) {
    const problem = { param: name, message: `was sent ${count} times`, fix: 'Send it once.' }
    throw new AppError('parameter_invalid', { problems: [problem] })
  }
  const value = headers[name.toLowerCase()]
  return typeof value === 'string' ? value : undefined
}
