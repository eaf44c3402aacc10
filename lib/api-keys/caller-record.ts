import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode, PlanId } from '@/lib/core/plans'
import type { Scope } from '@/lib/core/scopes'
import type { SettlementTerms } from '@/lib/core/settlement-terms'

/** Everything a request needs to know of its key and tenant, read in one query and kept for a while. */
export type CallerRecord = SettlementTerms & {
  keyId: Id<'apiKey'>
  keyName: string
  mode: Mode
  scopes: ReadonlySet<Scope>
  expiresAt: Date | null
  tenantId: TenantId
  tenantName: string
  tenantStatus: 'active' | 'suspended'
  plan: PlanId
  periodStart: Date | null
  periodEnd: Date | null
  overrides: readonly {
    name: 'minute' | 'hour' | 'month'
    mode: Mode | null
    value: number | null
    endsAt: Date | null
  }[]
}

/** What changed in the last seconds: keys by id, tenants by id. */
export type Changes = { keyIds: ReadonlySet<string>; tenantIds: ReadonlySet<string> }

export type CallerStore = {
  /** Null: no such key, or one that was revoked. @throws AppError `database_unavailable` */
  find(keyHash: string): Promise<CallerRecord | null>
  /** What changed within the last `seconds`, by the database's clock. */
  changes(seconds: number): Promise<Changes>
}
