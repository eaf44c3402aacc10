/**
 * Counts of one sliding window: the fixed windows of now and before. The sliding count takes the earlier one in the
 * share in which it still reaches back, so that no burst of twice the limit fits around a fixed edge.
 */
export type WindowCounts = {
  /** The number of the fixed window, since 1970. */
  index: number
  current: number
  previous: number
}

export const EMPTY_WINDOW: WindowCounts = { index: 0, current: 0, previous: 0 }

/** The same counts, seen at a moment: windows that have passed have moved on. */
export function windowAt(counts: WindowCounts, windowMs: number, nowMs: number): WindowCounts {
  const index = Math.floor(nowMs / windowMs)
  if (counts.index === index) return counts
  return { index, current: 0, previous: counts.index === index - 1 ? counts.current : 0 }
}

/** Requests within the last `windowMs`, by the share of the earlier window that is still within reach. */
export function slidingCount({ current, previous }: WindowCounts, windowMs: number, nowMs: number): number {
  return current + Math.floor((previous * (windowMs - (nowMs % windowMs))) / windowMs)
}

/** Milliseconds until one more request would fit under `limit`, 0 when it fits now. */
export function msUntilFree(counts: WindowCounts, limit: number, windowMs: number, nowMs: number): number {
  if (limit <= 0) return windowMs
  if (slidingCount(counts, windowMs, nowMs) < limit) return 0
  const intoWindow = nowMs % windowMs
  if (counts.current < limit) return msUntilShareFits(counts.previous, limit - counts.current, windowMs) - intoWindow
  return windowMs - intoWindow + msUntilShareFits(counts.current, limit, windowMs)
}

/** How far into a window its predecessor's share has fallen below `room`. */
function msUntilShareFits(previous: number, room: number, windowMs: number): number {
  if (previous < room) return 0
  return Math.min(windowMs, Math.floor(windowMs - (room * windowMs) / previous) + 1)
}
