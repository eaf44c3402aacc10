import { ERRORS, type ErrorCode } from './error-catalogue'
import type { LimitReport } from './limit-report'

/** One wrong parameter: where it stands, what is wrong, and what to send instead. */
export type ParameterProblem = { param: string; message: string; fix: string }

type AppErrorOptions = {
  /** Safe to show to anybody; it replaces the catalogue's message. */
  message?: string
  problems?: ParameterProblem[]
  retryAfterSeconds?: number
  /** The limits that refused, for the headers. */
  limits?: readonly LimitReport[]
  headers?: Record<string, string>
  /** Logged, never sent. */
  cause?: unknown
}

/** The one error class. `cause` is for the log; everything else may be shown to a stranger. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly problems: ParameterProblem[]
  readonly retryAfterSeconds: number | undefined
  readonly limits: readonly LimitReport[]
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.message ?? ERRORS[code].message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.problems = options.problems ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
    this.limits = options.limits ?? []
    this.headers = options.headers ?? {}
  }

  get status(): number {
    return ERRORS[this.code].status
  }
}

/**
 * Whether something thrown is one of ours. Not by `instanceof`: the custom server and the routes that Next bundles load
 * this module each for itself, and share services that throw the one or the other class.
 */
export function isAppError(error: unknown): error is AppError {
  return (
    error instanceof Error && error.name === 'AppError' && 'code' in error && Object.hasOwn(ERRORS, String(error.code))
  )
}

/** Every throw becomes an AppError: what nobody foresaw is our failure, with its cause kept for the log. */
export function toAppError(error: unknown): AppError {
  return isAppError(error) ? error : new AppError('internal_error', { cause: error })
}
