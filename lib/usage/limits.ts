import { type Clock, calendarMonth } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import { type Mode, PLANS, type PlanId } from '@/lib/core/plans'

/** The limits that an operator can override for one tenant. */
export const LIMIT_NAMES = ['minute', 'hour', 'month'] as const
export type LimitName = (typeof LIMIT_NAMES)[number]

export type LimitOverride = {
  name: LimitName
  /** Null: for both modes. */
  mode: Mode | null
  /** Null: without limit. */
  value: number | null
  endsAt: Date | null
}

/** What the limits of a caller depend on. The period is the calendar month, UTC, until a subscription sets another. */
export type LimitSubject = {
  tenantId: TenantId
  mode: Mode
  plan: PlanId
  periodStart: Date | null
  periodEnd: Date | null
  overrides: readonly LimitOverride[]
}

/** Null: without limit. `monthHard` is the quota with its grace; `month` is what the caller is told. */
export type Limits = {
  minute: number | null
  hour: number | null
  month: number | null
  monthHard: number | null
}

export type Period = { start: Date; end: Date }

/** The limits of a tenant in one mode, at a moment: the plan's, where no override stands in its place. */
export function effectiveLimits(subject: LimitSubject, nowMs: number): Limits {
  const plan = PLANS[subject.plan]
  const minute = overridden(subject, 'minute', nowMs, plan.requestsPerMinute)
  const hour = overridden(subject, 'hour', nowMs, plan.requestsPerHour)
  const month = overridden(subject, 'month', nowMs, plan.verificationsPerMonth)
  const monthHard = month === null ? null : month + Math.floor((month * plan.gracePercent) / 100)
  return { minute, hour, month, monthHard }
}

/** The period that holds a moment. A subscription that was not renewed in time falls back to the calendar. */
export function currentPeriod(
  subject: Pick<LimitSubject, 'periodStart' | 'periodEnd'>,
  nowMs: ReturnType<Clock>,
): Period {
  const { periodStart: start, periodEnd: end } = subject
  return start && end && start.getTime() <= nowMs && nowMs < end.getTime() ? { start, end } : calendarMonth(nowMs)
}

/** An override of this very mode goes before one of both modes. */
function overridden(subject: LimitSubject, name: LimitName, nowMs: number, planned: number | null): number | null {
  const inForce = subject.overrides.filter(
    (override) =>
      override.name === name &&
      (override.mode === null || override.mode === subject.mode) &&
      (override.endsAt === null || nowMs < override.endsAt.getTime()),
  )
  const chosen = inForce.find((override) => override.mode !== null) ?? inForce[0]
  return chosen ? chosen.value : planned
}
