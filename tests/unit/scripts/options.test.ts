import { expect, it } from 'vitest'
import { OptionError, timeOf } from '@/scripts/cli/options'

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
