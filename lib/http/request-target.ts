import type { IncomingMessage } from 'node:http'

const MAX_PARAMETERS = 100

/** Before Next sees it: a client that joins its base URL and "/verify" with two slashes must not meet a redirect. */
export function cleanTarget(target: string): string {
  const [path = '/', query] = target.split(/\?(.*)/s, 2)
  const clean = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
  return query === undefined ? clean : `${clean}?${query}`
}

/**
 * Why a request must not reach a router, in words, or null. Next passes a whole URL on to the host it names, which
 * would make this service everybody's proxy; it answers some paths with a page or a redirect, which no program can
 * read; and the time it takes for a query grows with the square of its parameters.
 */
export function problemOfTarget({ url = '', headers, httpVersion }: IncomingMessage): string | null {
  if (httpVersion === '1.1' && headers.host === undefined) return 'The Host header is missing.'
  if (!url.startsWith('/')) return 'The target must be a path that begins with a slash.'
  const [path = '', query = ''] = url.split('?', 2)
  if (path.includes('\\')) return 'The path holds a backslash.'
  if (!isDecodable(path)) return 'The path has a percent sign that encodes nothing.'
  if (query.length > MAX_PARAMETERS && query.split('&').length > MAX_PARAMETERS) {
    return `The query has more than ${MAX_PARAMETERS} parameters.`
  }
  return null
}

function isDecodable(path: string): boolean {
  try {
    return !path.includes('%') || decodeURIComponent(path) !== ''
  } catch {
    return false
  }
}
