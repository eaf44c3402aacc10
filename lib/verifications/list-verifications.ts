import { type Clock, DAY_MS } from '@/lib/core/clock'
import { AppError, type ParameterProblem } from '@/lib/core/errors'
import { listTag, readCursor, writeCursor } from '@/lib/core/list-cursor'
import { toVerification } from './to-verification'
import type { LogOwner, VerificationFilters, VerificationStore } from './verification-store'

export type ListVerificationsDeps = { now: Clock; verifications: Pick<VerificationStore, 'list'> }

export type ListVerificationsInput = {
  owner: LogOwner
  /** The plan keeps the log so long; nothing older is shown. */
  retentionDays: number
  filters: VerificationFilters
  from?: Date | undefined
  to?: Date | undefined
  limit: number
  cursor?: string | undefined
}

/**
 * One page of a tenant's log, newest first.
 *
 * @throws AppError `parameter_invalid` for a cursor of another list or a span beyond the retention
 */
export async function listVerifications(deps: ListVerificationsDeps, input: ListVerificationsInput) {
  const { owner, filters, limit } = input
  const nowMs = deps.now()
  const oldestMs = nowMs - input.retentionDays * DAY_MS
  if (input.from && input.from.getTime() < oldestMs) throw invalid(beyondRetention(input.retentionDays))
  const tag = listTag([filters, input.from?.getTime() ?? null, input.to?.getTime() ?? null])
  const page = {
    filters,
    fromMs: input.from?.getTime() ?? oldestMs,
    toMs: input.to?.getTime() ?? nowMs + DAY_MS,
    before: input.cursor === undefined ? null : readCursor('verification', tag, input.cursor),
    limit: limit + 1,
  }
  const rows = await deps.verifications.list(owner, page)
  const shown = rows.slice(0, limit)
  const hasMore = rows.length > limit
  const last = shown.at(-1)
  return {
    data: shown.map(toVerification),
    hasMore,
    nextCursor: hasMore && last ? writeCursor(tag, { atMs: last.at.getTime(), id: last.id }) : null,
  }
}

function beyondRetention(days: number): ParameterProblem {
  return { param: 'from', message: 'is older than the log is kept', fix: `This plan keeps it for ${days} days.` }
}

function invalid(problem: ParameterProblem): AppError {
  return new AppError('parameter_invalid', { problems: [problem] })
}
