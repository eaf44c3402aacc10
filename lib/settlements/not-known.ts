import { AppError, toAppError } from '@/lib/core/errors'

/** Whether the database was away; any other error is thrown on. */
export function wasAway(error: unknown): boolean {
  return toAppError(error).code === 'database_unavailable'
}

/** The database went away in the middle: the row may be there, and signed, and nobody can say that it is not. */
export function notKnown(error: unknown): never {
  if (!wasAway(error)) throw error
  const message =
    'The database could not be reached, and what became of this payment is not known. Send the same request again, and do not sign another payment.'
  throw new AppError('database_unavailable', { message, retryAfterSeconds: 2, cause: error })
}
