import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export const BASE = '/api/v1/x402'

/**
 * Every route of the product, read from its files, so that a new one is fuzzed by itself: `/docs/[...path]`,
 * `/api/v1/x402/verifications/[id]`.
 */
export function everyRoute(): readonly string[] {
  const files = readdirSync(join(process.cwd(), 'pages'), { recursive: true, encoding: 'utf8' })
  const routes = files
    .filter((file) => /\.tsx?$/.test(file) && !/(^|\/)_/.test(file))
    .map((file) => `/${file.replace(/\.tsx?$/, '').replace(/(^|\/)index$/, '')}`)
  return [...routes, '/livez', '/readyz'].sort()
}

/** A path of a route, its open parts filled in. */
export function fill(route: string, value: string): string {
  return route.replace(/\[[^\]]+\]/, value)
}

/** What a route's path is called in the server's own terms: slashes doubled or at the end do not count. */
export function cleaned(target: string): string {
  const path = (target.split('?', 1)[0] ?? '').replace(/\/{2,}/g, '/')
  return path.length > 1 ? path.replace(/\/$/, '') : path
}

/** Whether a program asks, once dots and backslashes are resolved: then every refusal is JSON. */
export function isApi(target: string): boolean {
  const url = target.startsWith('/') ? `http://x${cleaned(target)}` : target
  return URL.canParse(url) && /^\/(api(\/|$)|livez$|readyz$)/.test(cleaned(new URL(url).pathname))
}
