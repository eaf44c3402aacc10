import type { LimitReport } from '@/lib/core/limit-report'

/**
 * `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers, and the older trio, whose reset is a
 * unix time in seconds. The limit closest to its end comes first, and the trio tells of that one.
 */
export function rateLimitHeaders(reports: readonly LimitReport[], nowMs: number): Record<string, string> {
  const [first, ...rest] = [...reports].sort((a, b) => shareLeft(a) - shareLeft(b))
  if (!first) return {}
  const sorted = [first, ...rest]
  return {
    'RateLimit-Policy': sorted.map(policy).join(', '),
    RateLimit: sorted
      .map(({ name, remaining, resetSeconds }) => `"${name}";r=${remaining};t=${resetSeconds}`)
      .join(', '),
    'X-RateLimit-Limit': String(first.limit),
    'X-RateLimit-Remaining': String(first.remaining),
    'X-RateLimit-Reset': String(Math.floor(nowMs / 1000) + first.resetSeconds),
  }
}

/** A limit of 0 has nothing left from the start. */
function shareLeft({ remaining, limit }: LimitReport): number {
  return limit === 0 ? 0 : remaining / limit
}

function policy({ name, limit, windowSeconds }: LimitReport): string {
  return `"${name}";q=${limit}${windowSeconds === null ? '' : `;w=${windowSeconds}`}`
}
