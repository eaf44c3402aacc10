import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LimitReport } from '@/lib/core/limit-report'
import { rateLimitHeaders } from '@/lib/http/rate-limit-headers'

const NOW = 1_800_000_000_500
const minute: LimitReport = { name: 'minute', limit: 500, remaining: 499, windowSeconds: 60, resetSeconds: 33 }
const hour: LimitReport = { name: 'hour', limit: 50_000, remaining: 49_999, windowSeconds: 3_600, resetSeconds: 1_800 }
const month: LimitReport = { name: 'month', limit: 500_000, remaining: 12, windowSeconds: null, resetSeconds: 86_400 }

/** One item of a list of RFC 9651: a string, then parameters with whole numbers. */
const ITEM = /^"(minute|hour|month)"((?:;[a-z]+=(?:0|[1-9]\d{0,14}))+)$/

function parseList(header: string): Map<string, Record<string, number>> {
  return new Map(
    header.split(', ').map((item) => {
      const [, name = '', parameters = ''] = ITEM.exec(item) ?? []
      const pairs = parameters
        .slice(1)
        .split(';')
        .map((pair) => pair.split('='))
      return [name, Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)]))]
    }),
  )
}

describe('rateLimitHeaders', () => {
  it('tells every limit, the one closest to its end first, and the older trio of that one', () => {
    expect(rateLimitHeaders([minute, hour, month], NOW)).toEqual({
      'RateLimit-Policy': '"month";q=500000, "minute";q=500;w=60, "hour";q=50000;w=3600',
      RateLimit: '"month";r=12;t=86400, "minute";r=499;t=33, "hour";r=49999;t=1800',
      'X-RateLimit-Limit': '500000',
      'X-RateLimit-Remaining': '12',
      'X-RateLimit-Reset': String(1_800_000_000 + 86_400),
    })
  })

  it('without a limit there is nothing to tell', () => {
    expect(rateLimitHeaders([], NOW)).toEqual({})
  })

  it('is a list by RFC 9651, from which every figure can be read back', () => {
    const report = fc.record({
      name: fc.constantFrom('minute' as const, 'hour' as const, 'month' as const),
      limit: fc.nat(),
      remaining: fc.nat(),
      windowSeconds: fc.option(fc.nat()),
      resetSeconds: fc.nat(),
    })
    fc.assert(
      fc.property(fc.uniqueArray(report, { minLength: 1, maxLength: 3, selector: ({ name }) => name }), (reports) => {
        const headers = rateLimitHeaders(reports, NOW)
        const policy = parseList(headers['RateLimit-Policy'] as string)
        const state = parseList(headers['RateLimit'] as string)
        for (const { name, limit, remaining, windowSeconds, resetSeconds } of reports) {
          expect(policy.get(name)).toEqual({ q: limit, ...(windowSeconds !== null && { w: windowSeconds }) })
          expect(state.get(name)).toEqual({ r: remaining, t: resetSeconds })
        }
      }),
    )
  })

  it('a limit of zero is at its end', () => {
    const shut: LimitReport = { ...month, limit: 0, remaining: 0 }
    for (const reports of [
      [minute, hour, shut],
      [shut, minute, hour],
      [minute, shut, hour],
    ]) {
      expect(rateLimitHeaders(reports, NOW)['X-RateLimit-Remaining']).toBe('0')
    }
  })

  it('leaves the reports in their order', () => {
    const reports = [minute, month]
    rateLimitHeaders(reports, NOW)
    expect(reports).toEqual([minute, month])
  })
})
