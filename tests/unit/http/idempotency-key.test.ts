import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAppError } from '@/lib/core/errors'
import { idempotencyKeyOf } from '@/lib/http/idempotency-key'
import { fakeRequest } from '@/tests/support/fake-request'

/** What Node makes of the headers: names in lower case, of several the first. */
function keyOf(...values: string[]): string | null {
  const request = fakeRequest({ headers: { 'Idempotency-Key': values } })
  return idempotencyKeyOf(Object.assign(request, { headers: { 'idempotency-key': values[0] } }))
}

const problemOf = (...values: string[]) => {
  try {
    return keyOf(...values)
  } catch (error) {
    if (isAppError(error)) return { status: error.status, param: error.problems[0]?.param }
    throw error
  }
}
const REFUSED = { status: 400, param: 'Idempotency-Key' }

describe('the Idempotency-Key', () => {
  it('is null without the header', () => {
    expect(idempotencyKeyOf(fakeRequest())).toBeNull()
  })

  it.each(['8e03978e-40d5-43dd-bc93-6894a57f9324', 'a', 'order 17', 'x'.repeat(255), '!~'])(
    'is what was sent: %s',
    (key) => {
      expect(keyOf(key)).toBe(key)
    },
  )

  it('is the same bare and in quotes, as the draft of the standard writes it', () => {
    expect(keyOf('"order-17"')).toBe('order-17')
  })

  it.each([
    ['nothing', ''],
    ['nothing in quotes', '""'],
    ['more than 255 characters', 'x'.repeat(256)],
    ['a space alone', ' '],
    ['a space at its end', '"order "'],
    ['what is not ASCII', 'bestellung-ü'],
    ['a control character', 'a\tb'],
  ])('of %s is refused', (_, key) => {
    expect(problemOf(key)).toEqual(REFUSED)
  })

  it('sent twice is refused: which one is meant must not be a guess', () => {
    expect(problemOf('one', 'two')).toEqual(REFUSED)
    expect(problemOf('one', 'one')).toEqual(REFUSED)
  })

  it('is either refused or printable text of at most 255 characters, whatever was sent', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (value) => {
        const found = problemOf(value)
        if (typeof found === 'string') expect(found).toMatch(/^[\x21-\x7e][\x20-\x7e]{0,254}$/)
        else expect(found).toEqual(REFUSED)
      }),
    )
  })
})
