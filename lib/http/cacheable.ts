import { createHash } from 'node:crypto'
import type { Reply } from './endpoint'

/** Whether a request knows an answer already: `If-None-Match` holds a list, weak tags or a star (RFC 9110, 13.1.2). */
export function knows(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}

/** An answer that everybody with the same key, or without one, may keep for a minute and ask for by its ETag. */
export function cacheable(body: unknown): Reply {
  const etag = createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)
  return {
    body,
    headers: { ETag: `"${etag}"`, 'Cache-Control': 'public, max-age=60', Vary: 'Authorization, X-API-Key' },
  }
}
