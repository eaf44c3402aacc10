import { type Clock, SECOND_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import type { LimitReport } from '@/lib/core/limit-report'
import { ANONYMOUS_LIMITS, PUBLIC_ROUTE_LIMIT_PER_MINUTE } from '@/lib/core/plans'
import { type Limiter, msUntilWindowFree, type TakeInput, type Taken, WINDOW_MS, type WindowName } from './limiter'
import { currentPeriod, effectiveLimits, type LimitName, type LimitSubject, type Limits, type Period } from './limits'
import { slidingCount } from './sliding-window'

export type TakeLimitDeps = { now: Clock; limiter: Limiter; publicLimiter: Limiter }

type TakenLimit = { reports: readonly LimitReport[]; end(isVerdict: boolean): void }

/**
 * What an address may do: without a key; on the public routes; and, with keys that are not in memory yet, make us look
 * them up, for a flood of invented keys must not become one of queries.
 */
export type AddressLimit = 'anonymous' | 'public' | 'keyLookUp'

const PUBLIC: Limits = { minute: PUBLIC_ROUTE_LIMIT_PER_MINUTE, hour: null, month: null, monthHard: null }

const ADDRESS_LIMITS: Record<AddressLimit, { limits: Limits; isShared: boolean }> = {
  anonymous: { limits: { ...ANONYMOUS_LIMITS, month: null, monthHard: null }, isShared: true },
  public: { limits: PUBLIC, isShared: false },
  keyLookUp: { limits: PUBLIC, isShared: false },
}

/** The name under which a tenant's counts are kept: test and live are counted apart. */
export function subjectOf({ tenantId, mode }: Pick<LimitSubject, 'tenantId' | 'mode'>): string {
  return `${tenantId}:${mode}`
}

/**
 * Counts one request of a tenant. A `verification` reserves a unit of the month, which `end` keeps for a verdict and
 * gives back for anything else; minute and hour are never given back.
 *
 * @throws AppError `rate_limit_exceeded`, `quota_exceeded`
 */
export async function takeCallerLimit(
  { now, limiter }: TakeLimitDeps,
  caller: LimitSubject,
  kind: 'verification' | 'request',
): Promise<TakenLimit> {
  const period = currentPeriod(caller, now())
  const limits = effectiveLimits(caller, now())
  const units = kind === 'verification' ? 1 : 0
  const subject = subjectOf(caller)
  const input: TakeInput = { subject, limits, quota: { period, units } }
  const taken = await limiter.take(input)
  const reports = report(limits, taken, period)
  if (taken.refusedBy) throw refused(limits, taken, taken.refusedBy, period)
  return { reports, end: (isVerdict) => units === 1 && limiter.endUnit(subject, period, isVerdict) }
}

/**
 * Counts one request by address. What is not shared is kept in this process alone: probes and start-ups of sellers must
 * not depend on anything.
 *
 * @throws AppError `rate_limit_exceeded`
 */
export async function takeAddressLimit(
  { limiter, publicLimiter }: TakeLimitDeps,
  address: string,
  kind: AddressLimit,
): Promise<TakenLimit> {
  const { limits, isShared } = ADDRESS_LIMITS[kind]
  const input: TakeInput = { subject: `${kind}:${address}`, limits, quota: null }
  const taken = await (isShared ? limiter : publicLimiter).take(input)
  if (taken.refusedBy) throw refused(limits, taken, taken.refusedBy, null)
  return { reports: report(limits, taken, null), end: () => undefined }
}

function report(limits: Limits, taken: Taken, period: Period | null): LimitReport[] {
  const reports: LimitReport[] = []
  for (const name of ['minute', 'hour'] as const) {
    const limit = limits[name]
    if (limit === null) continue
    const windowMs = WINDOW_MS[name]
    const used = slidingCount(taken[name], windowMs, taken.nowMs)
    reports.push({
      name,
      limit,
      remaining: Math.max(0, limit - used),
      windowSeconds: windowMs / SECOND_MS,
      resetSeconds: seconds(windowMs - (taken.nowMs % windowMs)),
    })
  }
  if (limits.month !== null && period) {
    const remaining = Math.max(0, limits.month - taken.month)
    const resetSeconds = seconds(period.end.getTime() - taken.nowMs)
    reports.push({ name: 'month', limit: limits.month, remaining, windowSeconds: null, resetSeconds })
  }
  return reports
}

/** `rate_limit_exceeded` asks to wait for seconds, `quota_exceeded` for the next period or another plan. */
function refused(limits: Limits, taken: Taken, by: LimitName, period: Period | null): AppError {
  if (by === 'month') {
    const retryAfterSeconds = period ? seconds(period.end.getTime() - taken.nowMs) : 0
    return new AppError('quota_exceeded', { retryAfterSeconds, limits: report(limits, taken, period) })
  }
  const limit = limits[by as WindowName] ?? 0
  const retryAfterSeconds = seconds(msUntilWindowFree(taken, by, limit))
  const reports = report(limits, taken, period).map((entry) =>
    entry.name === by ? { ...entry, remaining: 0, resetSeconds: retryAfterSeconds } : entry,
  )
  const message = `Too many requests: the limit is ${limit} a ${by}. Retry in ${retryAfterSeconds} s.`
  return new AppError('rate_limit_exceeded', { message, retryAfterSeconds, limits: reports })
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / SECOND_MS))
}
