/** One limit of a caller as it stands after a request, told in the headers of every answer. */
export type LimitReport = {
  name: 'minute' | 'hour' | 'month'
  limit: number
  remaining: number
  /** Null: the period has no fixed length. */
  windowSeconds: number | null
  /** Until the count is renewed or, after a refusal, until one more request fits. */
  resetSeconds: number
}
