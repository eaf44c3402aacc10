import type { CallerRecord } from './caller-record'

type Limits = { minute: number | null; hour: number | null; month: number | null }

/** Who a key is, for its holder: what it may do, for whom, and how much. Null limits: without limit. */
export function describeKey(caller: CallerRecord, { minute, hour, month }: Limits) {
  return {
    id: caller.keyId,
    name: caller.keyName,
    mode: caller.mode,
    scopes: [...caller.scopes],
    expiresAt: caller.expiresAt?.toISOString() ?? null,
    tenant: { id: caller.tenantId, name: caller.tenantName },
    plan: caller.plan,
    limits: { requestsPerMinute: minute, requestsPerHour: hour, verificationsPerMonth: month },
  }
}
