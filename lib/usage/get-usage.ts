import type { Clock } from '@/lib/core/clock'
import { PLANS } from '@/lib/core/plans'
import { currentPeriod, effectiveLimits, type LimitSubject, type Period } from './limits'

export type GetUsageDeps = {
  now: Clock
  /** Units used in a period, those that still wait to be written included. @throws AppError `database_unavailable` */
  used(subject: LimitSubject, period: Period): Promise<number>
  /** Live settlements taken in a period. @throws AppError `database_unavailable` */
  settled(subject: LimitSubject, period: Period): Promise<number>
}

/** What a tenant has used of its plan in this period, in one mode. Null limits: without limit. */
export async function getUsage(deps: GetUsageDeps, subject: LimitSubject) {
  const period = currentPeriod(subject, deps.now())
  const { minute, hour, month, monthHard } = effectiveLimits(subject, deps.now())
  const [used, settlements] = await Promise.all([deps.used(subject, period), settledOf(deps, subject, period)])
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
      usedPercent: month === null ? null : percent(used, month),
    },
    /** Null in test mode, where settlements are not counted. */
    settlements,
    requests: { perMinute: minute, perHour: hour },
  }
}

/** Where a plan has no live settlements there is nothing to set them against. */
async function settledOf(deps: GetUsageDeps, subject: LimitSubject, period: Period) {
  if (subject.mode === 'test') return null
  const limit = PLANS[subject.plan].liveSettlementsPerMonth
  const used = await deps.settled(subject, period)
  return {
    used,
    limit,
    remaining: Math.max(0, limit - used),
    usedPercent: limit === 0 ? null : percent(used, limit),
  }
}

function percent(used: number, of: number): number {
  return Math.round((used / Math.max(1, of)) * 10_000) / 100
}
