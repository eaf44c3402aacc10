import { BoundedMap } from '@/lib/core/bounded-map'
import { type Clock, HOUR_MS, MINUTE_MS } from '@/lib/core/clock'
import type { LimitName, Limits, Period } from './limits'
import { EMPTY_WINDOW, msUntilFree, slidingCount, type WindowCounts, windowAt } from './sliding-window'

/** What is asked of the limiter for one request. */
export type TakeInput = {
  /** Whose limit it is: a tenant in a mode, or an IP address. */
  subject: string
  limits: Limits
  /** The quota of the month, when the request can use a unit of it. */
  quota: { period: Period; units: 0 | 1 } | null
}

export type WindowName = 'minute' | 'hour'
export const WINDOW_MS: Record<WindowName, number> = { minute: MINUTE_MS, hour: HOUR_MS }

/** Counts after a take (or as they stand, when it was refused). */
export type Taken = {
  refusedBy: LimitName | null
  minute: WindowCounts
  hour: WindowCounts
  month: number
  nowMs: number
}

/** The counts that all processes share. Null from either: it cannot be asked now. */
export type SharedCounts = {
  /** `seed` is the least that the month's count must be. Waits for at most `patienceMs`. */
  take(input: TakeInput, seed: number | null, patienceMs: number): Promise<Taken | 'needs_seed' | null>
  /** Grows whenever the store comes back: it may have missed what was counted meanwhile. */
  outages(): number
  giveBack(subject: string, period: Period): void
}

export type LimiterDeps = {
  now: Clock
  shared: SharedCounts | null
  /** Units used in a period: what Postgres has plus what waits in the log's buffer. Null: not to be had now. */
  usedInPeriod(subject: string, period: Period): Promise<number | null>
}

type Local = {
  minute: WindowCounts
  hour: WindowCounts
  month: { start: number; used: number; seededAt: number } | null
  /** The outages of the shared store after which its count of the month was raised to the true one. */
  outagesMended: number
  /** Units taken by requests that have not ended yet: Postgres and the log's buffer do not know them. */
  unitsInFlight: number
}
export type Limiter = ReturnType<typeof createLimiter>

const SUBJECTS = 200_000
/** A store that is dead or slow may delay a request by no more than these together. */
const SHARED_PATIENCE_MS = 200
const LEAST_PATIENCE_MS = 50
/** Without shared counts every process looks at Postgres this often, to see what the others used. */
const RESEED_MS = MINUTE_MS

/**
 * Minute, hour and month of every caller.
 *
 * Counts are kept twice: shared (Redis) and in this process. The process's own are never above the shared ones, so
 * what they refuse needs no question; and when the shared ones are away they serve alone, so that no process ever
 * lets more than the limit through. An outage costs accuracy over several processes, never a request.
 */
export function createLimiter(deps: LimiterDeps) {
  const locals = new BoundedMap<string, Local>(SUBJECTS)

  function localOf(subject: string): Local {
    const found = locals.get(subject)
    if (found) return found
    const fresh: Local = {
      minute: EMPTY_WINDOW,
      hour: EMPTY_WINDOW,
      month: null,
      unitsInFlight: 0,
      outagesMended: deps.shared?.outages() ?? 0,
    }
    locals.set(subject, fresh)
    return fresh
  }

  async function take(input: TakeInput): Promise<Taken> {
    const local = localOf(input.subject)
    const refusedHere = refusedByWindows(local, input.limits, deps.now())
    if (refusedHere) return asTaken(local, refusedHere, deps.now())
    const taken = (await takeShared(deps, input, local)) ?? (await takeLocally(deps, input, local))
    if (!taken.refusedBy) local.unitsInFlight += input.quota?.units ?? 0
    return taken
  }

  /** Ends a request that took a unit of the month: kept for a verdict, given back for anything else. */
  function endUnit(subject: string, period: Period, kept: boolean): void {
    const local = localOf(subject)
    // A caller who was forgotten meanwhile has nothing in flight that anybody counted.
    if (local.unitsInFlight > 0) local.unitsInFlight--
    if (kept) return
    if (local.month?.start === period.start.getTime() && local.month.used > 0) local.month.used--
    deps.shared?.giveBack(subject, period)
  }

  return { take, endUnit }
}

async function takeShared(deps: LimiterDeps, input: TakeInput, local: Local): Promise<Taken | null> {
  if (!deps.shared) return null
  const outages = deps.shared.outages()
  const taken = await askShared(deps, deps.shared, input, local)
  if (taken === null) return null
  if (!taken.refusedBy) countLocally(local, deps.now())
  if (input.quota) {
    local.outagesMended = outages
    rememberMonth(local, input.quota.period, taken.month, deps.now())
  }
  return taken
}

/** Where the store has no count of the month, or was away and has an old one, it is told the true one. */
async function askShared(
  { now, usedInPeriod }: LimiterDeps,
  shared: SharedCounts,
  input: TakeInput,
  local: Local,
): Promise<Taken | null> {
  const startedAt = now()
  if (!input.quota || local.outagesMended === shared.outages()) {
    const taken = await shared.take(input, null, SHARED_PATIENCE_MS)
    if (taken !== 'needs_seed') return taken
  }
  const patienceMs = Math.max(LEAST_PATIENCE_MS, SHARED_PATIENCE_MS - (now() - startedAt))
  const used = input.quota && (await usedInPeriod(input.subject, input.quota.period))
  if (used === null) return null
  const taken = await shared.take(input, used + local.unitsInFlight, patienceMs)
  return taken === 'needs_seed' ? null : taken
}

async function takeLocally(deps: LimiterDeps, input: TakeInput, local: Local): Promise<Taken> {
  if (input.quota) await learnMonth(deps, input.subject, input.quota.period, local)
  const nowMs = deps.now()
  const refusedBy = refusedByWindows(local, input.limits, nowMs) ?? refusedByMonth(local, input)
  if (!refusedBy) {
    countLocally(local, nowMs)
    if (local.month) local.month.used += input.quota?.units ?? 0
  }
  return asTaken(local, refusedBy, nowMs)
}

/** Asks Postgres what was used; without an answer what this process knows has to do. */
async function learnMonth(deps: LimiterDeps, subject: string, period: Period, local: Local): Promise<void> {
  const isKnown = local.month?.start === period.start.getTime()
  if (isKnown && local.month && deps.now() - local.month.seededAt < RESEED_MS) return
  const used = await deps.usedInPeriod(subject, period)
  const known = isKnown && local.month ? local.month.used : 0
  rememberMonth(local, period, used === null ? known : used + local.unitsInFlight, deps.now())
}

function refusedByMonth({ month }: Local, { quota, limits }: TakeInput): 'month' | null {
  if (!quota || !month || quota.units === 0 || limits.monthHard === null) return null
  return month.used + quota.units > limits.monthHard ? 'month' : null
}

function refusedByWindows(local: Local, limits: Limits, nowMs: number): WindowName | null {
  for (const name of ['minute', 'hour'] as const) {
    const limit = limits[name]
    if (limit === null) continue
    const counts = windowAt(local[name], WINDOW_MS[name], nowMs)
    if (slidingCount(counts, WINDOW_MS[name], nowMs) >= limit) return name
  }
  return null
}

function countLocally(local: Local, nowMs: number): void {
  for (const name of ['minute', 'hour'] as const) {
    const counts = windowAt(local[name], WINDOW_MS[name], nowMs)
    local[name] = { ...counts, current: counts.current + 1 }
  }
}

function rememberMonth(local: Local, period: Period, used: number, nowMs: number): void {
  local.month = { start: period.start.getTime(), used, seededAt: nowMs }
}

function asTaken(local: Local, refusedBy: LimitName | null, nowMs: number): Taken {
  return {
    refusedBy,
    minute: windowAt(local.minute, MINUTE_MS, nowMs),
    hour: windowAt(local.hour, HOUR_MS, nowMs),
    month: local.month?.used ?? 0,
    nowMs,
  }
}

/** Milliseconds until a window that refused has room again. */
export function msUntilWindowFree(taken: Taken, name: WindowName, limit: number): number {
  return msUntilFree(taken[name], limit, WINDOW_MS[name], taken.nowMs)
}
