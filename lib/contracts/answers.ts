import { z } from 'zod'

// The answers of our own routes, field by field: tests hold every live answer against these, strictly, and the
// documents are made from them. Times are RFC 3339 in UTC, amounts decimal strings of atomic units.

export const mode = z.enum(['live', 'test'])
export const time = z.iso.datetime()
export const count = z.number().int().nonnegative()
export const list = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ data: z.array(item), hasMore: z.boolean(), nextCursor: z.string().nullable() })

export const ErrorAnswer = z.looseObject({
  error: z.strictObject({
    type: z.string(),
    code: z.string(),
    message: z.string(),
    param: z.string().optional(),
    errors: z.array(z.strictObject({ param: z.string(), message: z.string(), fix: z.string() })).optional(),
    docUrl: z.url(),
    requestId: z.string(),
    retryable: z.boolean(),
  }),
})

export const KeyAnswer = z.strictObject({
  id: z.string(),
  name: z.string(),
  mode,
  scopes: z.array(z.string()),
  expiresAt: time.nullable(),
  tenant: z.strictObject({ id: z.string(), name: z.string() }),
  plan: z.string(),
  limits: z.strictObject({
    requestsPerMinute: count.nullable(),
    requestsPerHour: count.nullable(),
    verificationsPerMonth: count.nullable(),
  }),
})

export const UsageAnswer = z.strictObject({
  mode,
  plan: z.string(),
  period: z.strictObject({ start: time, end: time }),
  verifications: z.strictObject({
    used: count,
    limit: count.nullable(),
    remaining: count.nullable(),
    hardLimit: count.nullable(),
    usedPercent: z.number().nullable(),
  }),
  settlements: z
    .strictObject({ used: count, limit: count, remaining: count, usedPercent: z.number().nullable() })
    .nullable(),
  requests: z.strictObject({ perMinute: count.nullable(), perHour: count.nullable() }),
})

export const PricingAnswer = list(
  z.strictObject({
    id: z.string(),
    name: z.string(),
    pricePerMonth: count,
    verificationsPerMonth: count.nullable(),
    gracePercent: count,
    requestsPerMinute: count,
    requestsPerHour: count,
    liveSettlementsPerMonth: count,
    logRetentionDays: count,
  }),
)

export const NetworksAnswer = list(
  z.strictObject({
    id: z.string(),
    name: z.string(),
    v1Name: z.string().nullable(),
    mode,
    status: z.enum(['served', 'unavailable']),
    problem: z.string().nullable(),
    blockTimeSeconds: z.number(),
    confirmations: count,
    minimumAmount: z.string(),
    explorerUrl: z.url(),
    assets: z.array(
      z.strictObject({
        symbol: z.string(),
        address: z.string(),
        decimals: count,
        eip712: z.strictObject({ name: z.string(), version: z.string() }),
        minimumTokens: z.string(),
      }),
    ),
  }),
)

const verification = z.strictObject({
  id: z.string(),
  at: time,
  mode,
  outcome: z.enum(['valid', 'invalid', 'error']),
  isValid: z.boolean(),
  reason: z.string().nullable(),
  x402Version: z.number().nullable(),
  network: z.string().nullable(),
  asset: z.string().nullable(),
  symbol: z.string().nullable(),
  payer: z.string().nullable(),
  payTo: z.string().nullable(),
  amount: z.string().nullable(),
  amountTokens: z.string().nullable(),
  nonce: z.string().nullable(),
  resource: z.string().nullable(),
  block: z.string().nullable(),
  keyId: z.string(),
  requestId: z.string(),
  durationMs: z.number(),
})

export const VerificationsAnswer = list(verification)
export const VerificationAnswer = verification.extend({ request: z.looseObject({}) })

const outcomes = { total: count, valid: count, invalid: count, error: count }
const latency = z.strictObject({ p50: z.number().nullable(), p95: z.number().nullable(), p99: z.number().nullable() })
const volume = { network: z.string().nullable(), asset: z.string().nullable(), count, volume: z.string() }

export const AnalyticsAnswer = z.strictObject({
  period: z.strictObject({ from: time, to: time, days: count }),
  totals: z.strictObject({ ...outcomes, successRate: z.number().nullable(), uniquePayers: count }),
  volumes: z.array(z.strictObject(volume)),
  byDay: z.array(z.strictObject({ day: z.iso.date(), ...outcomes, latencyMs: latency })),
  byNetwork: z.array(z.strictObject({ network: z.string().nullable(), ...outcomes })),
  byReason: z.array(z.strictObject({ reason: z.string(), count })),
  byKey: z.array(z.strictObject({ keyId: z.string(), ...outcomes })),
  topPayers: z.array(z.strictObject({ payer: z.string(), ...volume })),
  topResources: z.array(z.strictObject({ resource: z.string(), ...volume })),
  latencyMs: latency,
  latencyByHour: z.array(z.strictObject({ hour: time, latencyMs: latency })),
})

const settling = z.strictObject({
  problem: z.string().nullable(),
  heardSecondsAgo: count,
  wallets: z.array(
    z.strictObject({
      address: z.string(),
      balanceWei: z.string(),
      settlementsLeft: count.nullable(),
      isLow: z.boolean(),
      stuckNonces: z.array(z.string()),
    }),
  ),
  queue: z.strictObject({ waiting: count, oldestSeconds: count }),
  openTransactions: z.strictObject({ count, oldestSeconds: count }),
  unattended: z.array(z.string()),
})

const status = z.enum(['healthy', 'degraded', 'unhealthy'])
const check = { status, latency_ms: z.number().nullable() }

export const HealthAnswer = z.strictObject({
  status,
  timestamp: time,
  checks: z.strictObject({
    database: z.strictObject(check),
    verifier: z.strictObject({ status, mode: z.literal('in_process') }),
    rateLimits: z.strictObject({ ...check, store: z.enum(['redis', 'memory']) }),
    log: z.strictObject({ status, rowsWaiting: count, rowsDropped: count }),
    settlement: z.strictObject({ status }),
    networks: z.record(
      z.string(),
      z.strictObject({
        status,
        problems: z.array(z.string()).optional(),
        settlement: z.enum(['able', 'problem', 'no_worker', 'stopped']),
        settling: settling.optional(),
      }),
    ),
  }),
  recentErrors: count,
  responseTimeMs: z.number(),
})
