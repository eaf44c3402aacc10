import { createHash } from 'node:crypto'
import type { Reply } from './endpoint'

/** An answer that everybody with the same key, or without one, may keep for a minute and ask for by its ETag. */
export function cacheable(body: unknown): Reply {
  const etag = createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)
  return {
    body,
    headers: { ETag: `"${etag}"`, 'Cache-Control': 'public, max-age=60', Vary: 'Authorization, X-API-Key' },
  }
}
