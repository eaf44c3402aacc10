import { describe, expect, it } from 'vitest'
import { cleanTarget, problemOfTarget } from '@/lib/http/request-target'
import { fakeRequest } from '@/tests/support/fake-request'

const problemOf = (url: string, headers: Record<string, string> = { host: 'localhost' }) =>
  problemOfTarget(Object.assign(fakeRequest({ url, headers }), { httpVersion: '1.1' }))

describe('a target', () => {
  it.each([
    '/',
    '/api/v1/x402/verify',
    '/docs/a%20b',
    '/x?to=http://a.example/&b=%',
    `/x?${'a&'.repeat(99)}`,
    '/x?a\\b',
  ])('%s may pass', (url) => {
    expect(problemOf(url)).toBeNull()
  })

  it.each(['http://127.0.0.1:22/livez', 'https://a.example', '*', '', 'livez', '?a', 'http://'])(
    '%s that is not a path of ours goes nowhere: we are nobody’s proxy',
    (url) => {
      expect(problemOf(url)).toContain('must be a path')
    },
  )

  it.each([
    ['/api\\v1', 'backslash'],
    ['/api/%', 'percent'],
    ['/api/%ff', 'percent'],
    [`/x?${'a&'.repeat(100)}`, '100 parameters'],
  ])('%s is refused, and it is said why', (url, word) => {
    expect(problemOf(url)).toContain(word)
  })

  it('without a host is refused', () => {
    expect(problemOf('/', {})).toContain('Host')
  })
})

describe('cleanTarget', () => {
  it.each([
    ['//api//v1/x402//verify', '/api/v1/x402/verify'],
    ['/api/v1/x402/', '/api/v1/x402'],
    ['/', '/'],
    ['///', '/'],
    ['/a/?b=//c/', '/a?b=//c/'],
  ])('%s is %s', (given, clean) => {
    expect(cleanTarget(given)).toBe(clean)
  })
})
