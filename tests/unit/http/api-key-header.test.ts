import { describe, expect, it } from 'vitest'
import { apiKeyOf } from '@/lib/http/api-key-header'
import { fakeRequest } from '@/tests/support/fake-request'

const keyIn = (headers: Record<string, string>, url = '/') => apiKeyOf(fakeRequest({ headers, url }))

describe('apiKeyOf', () => {
  it.each([
    [{ authorization: 'Bearer KEY' }],
    [{ authorization: 'bearer KEY' }],
    [{ authorization: 'BEARER   KEY ' }],
    [{ 'x-api-key': 'KEY' }],
    [{ 'x-api-key': ' KEY ' }],
    [{ authorization: 'Bearer KEY', 'x-api-key': 'KEY' }],
  ])('%j is the key', (headers) => {
    expect(keyIn(headers)).toBe('KEY')
  })

  it('none at all is null', () => {
    expect(keyIn({})).toBeNull()
  })

  it.each(['Basic a2V5', 'KEY', 'Bearer', 'Bearer ', 'Bearer a b', 'Token KEY', ''])(
    'an Authorization of %j holds no key, which is not the same as none sent',
    (authorization) => {
      expect(keyIn({ authorization })).toBe('')
    },
  )

  it('two keys that differ are a caller’s mistake', () => {
    const ask = () => keyIn({ authorization: 'Bearer ONE', 'x-api-key': 'TWO' })
    expect(ask).toThrow(
      expect.objectContaining({
        code: 'parameter_invalid',
        problems: [expect.objectContaining({ param: 'X-API-Key' })],
      }),
    )
  })

  it('a query string is never looked at', () => {
    expect(keyIn({}, '/?api_key=KEY&apiKey=KEY&key=KEY')).toBeNull()
  })
})
