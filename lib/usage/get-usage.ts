import type { Clock } from '@/lib/core/clock'
import { currentPeriod, effectiveLimits, type LimitSubject, type Period } from './limits'

export type GetUsageDeps = {
  now: Clock
  /** Units used in a period, those that still wait to be written included. @throws AppError `database_unavailable` */
  used(subject: LimitSubject, period: Period): Promise<number>
}

/** What a tenant has used of its plan in this period, in one mode. Null limits: without limit. */
export async function getUsage(deps: GetUsageDeps, subject: LimitSubject) {
  const period = currentPeriod(subject, deps.now())
  const { minute, hour, month, monthHard } = effectiveLimits(subject, deps.now())
  const used = await deps.used(subject, period)
  return {
    mode: subject.mode,
    plan: subject.plan,
    period: { start: period.start.toISOString(), end: period.end.toISOString() },
    verifications: {
      used,
      limit: month,
      remaining: month === null ? null : Math.max(0, month - used),
      /** The quota with its grace: here `quota_exceeded` begins. */
      hardLimit: monthHard,
      usedPercent: month === null ? null : Math.round((used / Math.max(1, month)) * 10_000) / 100,
    },
    requests: { perMinute: minute, perHour: hour },
  }
}
