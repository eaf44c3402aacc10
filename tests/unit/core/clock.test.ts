import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calendarMonth } from '@/lib/core/clock'

const at = (text: string) => Date.parse(text)
const shown = (nowMs: number) => {
  const { start, end } = calendarMonth(nowMs)
  return [start.toISOString(), end.toISOString()]
}

describe('calendarMonth', () => {
  it.each([
    ['2026-11-01T00:00:00.000Z', '2026-11-01', '2026-12-01'],
    ['2026-11-30T23:59:59.999Z', '2026-11-01', '2026-12-01'],
    ['2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01'],
    ['2027-01-01T00:00:00.000Z', '2027-01-01', '2027-02-01'],
    ['2028-02-29T12:00:00.000Z', '2028-02-01', '2028-03-01'],
    ['2027-02-28T23:59:59.999Z', '2027-02-01', '2027-03-01'],
    ['2026-11-01T00:30:00.000+02:00', '2026-10-01', '2026-11-01'],
  ])('%s is in the month from %s to %s', (now, start, end) => {
    expect(shown(at(now))).toEqual([`${start}T00:00:00.000Z`, `${end}T00:00:00.000Z`])
  })

  it('is right for every moment, also after another month was asked for just before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: at('2100-01-01T00:00:00Z') }), { minLength: 2, maxLength: 10 }),
        (moments) => {
          for (const nowMs of moments) {
            const now = new Date(nowMs)
            expect(calendarMonth(nowMs)).toEqual({
              start: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)),
              end: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)),
            })
          }
        },
      ),
    )
  })

  it('the end of one month is the start of the next, and belongs to the next', () => {
    const { end } = calendarMonth(at('2026-11-21T10:00:00Z'))
    expect(calendarMonth(end.getTime()).start).toEqual(end)
    expect(calendarMonth(end.getTime() - 1).end).toEqual(end)
  })
})
