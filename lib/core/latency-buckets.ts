/** Upper bounds in milliseconds; what is slower falls into one more bucket. Append only: stored histograms rely on it. */
export const LATENCY_BOUNDS_MS = [
  1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1_200, 2_000, 3_000,
] as const
export const LATENCY_BUCKETS = LATENCY_BOUNDS_MS.length + 1

/** The bucket of a duration in microseconds. */
export function latencyBucket(durationUs: number): number {
  const found = LATENCY_BOUNDS_MS.findIndex((bound) => durationUs <= bound * 1_000)
  return found < 0 ? LATENCY_BOUNDS_MS.length : found
}

/**
 * A percentile in milliseconds, read off a histogram by straight lines within its bucket; null when it is empty.
 * Exact to the width of the bucket. What lies beyond the last bound is given as that bound.
 */
export function percentile(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = share * total
  let passed = 0
  for (const [index, count] of counts.entries()) {
    if (passed + count >= wanted && count > 0) {
      const lower = index === 0 ? 0 : (LATENCY_BOUNDS_MS[index - 1] as number)
      const upper = LATENCY_BOUNDS_MS[index] ?? lower
      return Math.round((lower + ((upper - lower) * (wanted - passed)) / count) * 100) / 100
    }
    passed += count
  }
  return LATENCY_BOUNDS_MS[LATENCY_BOUNDS_MS.length - 1] as number
}
