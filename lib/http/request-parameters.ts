import type { IncomingMessage } from 'node:http'
import { AppError } from '@/lib/core/errors'

/** What Next adds to a request: the parts of the path that its file name leaves open. */
export type RoutedRequest = IncomingMessage & { query?: Record<string, string | string[] | undefined> }

/** The query, of a parameter that comes twice the last. @throws AppError `parameter_invalid` */
export function queryOf({ url }: RoutedRequest): Record<string, string> {
  const search = new URL(url ?? '/', 'http://x').searchParams
  // No schema sees this name: to one that copies the object it is a prototype and not a parameter.
  if (search.has('__proto__')) {
    const problem = { param: '__proto__', message: 'is not known here', fix: 'Leave it out.' }
    throw new AppError('parameter_invalid', { problems: [problem] })
  }
  return Object.fromEntries(search)
}

/** The parts of the path that the route's file name leaves open. */
export function paramsOf({ query }: RoutedRequest): Record<string, string> {
  const params: Record<string, string> = {}
  for (const [name, value] of Object.entries(query ?? {})) if (typeof value === 'string') params[name] = value
  return params
}
