export type Mode = 'live' | 'test'
export const MODES = ['live', 'test'] as const satisfies readonly Mode[]

export type Plan = {
  name: string
  /** US dollars, whole. */
  pricePerMonth: number
  /** Null: without limit. */
  verificationsPerMonth: number | null
  /** Percent served beyond the quota before it refuses. */
  gracePercent: number
  requestsPerMinute: number
  requestsPerHour: number
  /** Zero: test mode only. */
  liveSettlementsPerMonth: number
  logRetentionDays: number
}

/** The one table of plans: limits, screens, documents and billing read it. */
export const PLANS = {
  free: {
    name: 'Free',
    pricePerMonth: 0,
    verificationsPerMonth: 1_000,
    gracePercent: 0,
    requestsPerMinute: 10,
    requestsPerHour: 100,
    liveSettlementsPerMonth: 0,
    logRetentionDays: 1,
  },
  starter: {
    name: 'Starter',
    pricePerMonth: 99,
    verificationsPerMonth: 50_000,
    gracePercent: 10,
    requestsPerMinute: 100,
    requestsPerHour: 5_000,
    liveSettlementsPerMonth: 5_000,
    logRetentionDays: 7,
  },
  pro: {
    name: 'Pro',
    pricePerMonth: 299,
    verificationsPerMonth: 500_000,
    gracePercent: 10,
    requestsPerMinute: 500,
    requestsPerHour: 50_000,
    liveSettlementsPerMonth: 50_000,
    logRetentionDays: 30,
  },
  enterprise: {
    name: 'Enterprise',
    pricePerMonth: 999,
    verificationsPerMonth: null,
    gracePercent: 0,
    requestsPerMinute: 2_000,
    requestsPerHour: 200_000,
    liveSettlementsPerMonth: 1_000_000,
    logRetentionDays: 90,
  },
} as const satisfies Record<string, Plan>

export type PlanId = keyof typeof PLANS
export const PLAN_IDS = Object.keys(PLANS) as PlanId[]

/** Requests by IP without a key, per minute and per hour. */
export const ANONYMOUS_LIMITS = { minute: 5, hour: 50 } as const
/** The routes that every client and probe needs without a key. */
export const PUBLIC_ROUTE_LIMIT_PER_MINUTE = 600
