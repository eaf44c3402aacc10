import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import type { SettlementTerms } from '@/lib/core/settlement-terms'

export type TenantStatus = 'active' | 'suspended'
export type Tenant = SettlementTerms & {
  id: TenantId
  name: string
  plan: PlanId
  status: TenantStatus
  createdAt: Date
}

export type TenantChange = Partial<SettlementTerms & { plan: PlanId; status: TenantStatus }>

export type TenantStore = {
  insert(tenant: Pick<Tenant, 'id' | 'name' | 'plan'>): Promise<Tenant>
  find(id: TenantId): Promise<Tenant | null>
  list(): Promise<Tenant[]>
  /** Null when there is no such tenant. */
  update(id: TenantId, change: TenantChange): Promise<Tenant | null>
}
