import { describe, expect, it } from 'vitest'
import { cacheable, knows } from '@/lib/http/cacheable'

describe('cacheable', () => {
  it('has the same tag for the same answer, and another for another', () => {
    const tag = (body: unknown) => cacheable(body).headers?.['ETag']
    expect(tag({ a: 1 })).toMatch(/^"[\w-]{22}"$/)
    expect(tag({ a: 1 })).toBe(tag({ a: 1 }))
    expect(tag({ a: 1 })).not.toBe(tag({ a: 2 }))
  })

  it('is kept apart by key, for it may differ by key', () => {
    expect(cacheable({}).headers?.['Vary']).toBe('Authorization, X-API-Key')
  })
})

describe('knows', () => {
  it.each(['"a"', 'W/"a"', '*', '"b", "a"', ' "b" ,W/"a" '])('If-None-Match of %s knows "a"', (header) => {
    expect(knows(header, '"a"')).toBe(true)
  })

  it.each(['"b"', 'a', '', '"A"', undefined])('If-None-Match of %s does not', (header) => {
    expect(knows(header, '"a"')).toBe(false)
  })

  it('nothing is known of an answer without a tag', () => {
    expect(knows('*', undefined)).toBe(false)
  })
})
