/** Milliseconds since 1970, handed to whatever needs the time so that tests can set it. */
export type Clock = () => number

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** The calendar month, UTC, that holds a moment: the billing period until a subscription sets another. */
export function calendarMonth(nowMs: number): { start: Date; end: Date } {
  if (lastMonth && nowMs >= lastMonth.start.getTime() && nowMs < lastMonth.end.getTime()) return lastMonth
  const now = new Date(nowMs)
  lastMonth = {
    start: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)),
    end: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)),
  }
  return lastMonth
}

/** Every request asks for the month it is, and it is nearly always the same. */
let lastMonth: { start: Date; end: Date } | null = null
