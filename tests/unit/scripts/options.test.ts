import { expect, it } from 'vitest'
import { OptionError, termsOf, timeOf } from '@/scripts/cli/options'

const NOW = Date.UTC(2026, 10, 21, 12)
const expires = (text?: string) => timeOf({ expires: text }, 'expires', NOW)

it('takes a date and an RFC 3339 time that are still to come', () => {
  expect(expires('2026-12-31')).toEqual(new Date('2026-12-31T00:00:00Z'))
  expect(expires('2026-11-21T12:00:01Z')).toEqual(new Date(NOW + 1_000))
  expect(expires()).toBeNull()
})

it('a time that is over is refused, with what it was read as: a key would be dead from the start', () => {
  expect(() => expires('2025-12-31')).toThrow(OptionError)
  expect(() => expires('2025-12-31')).toThrow('--expires is over already: 2025-12-31T00:00:00.000Z')
  expect(() => expires('2026-11-21T12:00:00Z')).toThrow('still to come')
})

it('what is no time is refused', () => {
  expect(() => expires('tomorrow')).toThrow('must be a date or an RFC 3339 time (got "tomorrow")')
})

it('takes either of a tenant’s terms, or both, and changes only what was named', () => {
  expect(termsOf({ 'wait-until': 'final' })).toEqual({ waitUntil: 'final' })
  expect(termsOf({ 'settled-by-other': 'refuse' })).toEqual({ acceptsOthers: false })
  const both = { 'wait-until': 'mined', 'settled-by-other': 'accept' }
  expect(termsOf(both)).toEqual({ waitUntil: 'mined', acceptsOthers: true })
})

it('terms without a word, or with one that there is not, are refused', () => {
  expect(() => termsOf({})).toThrow('Name --wait-until, --settled-by-other or both.')
  expect(() => termsOf({ 'wait-until': 'soon' })).toThrow('--wait-until must be one of mined, final (got "soon")')
  expect(() => termsOf({ 'settled-by-other': 'yes' })).toThrow('--settled-by-other must be one of accept, refuse')
})
