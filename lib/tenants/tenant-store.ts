import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'

export type TenantStatus = 'active' | 'suspended'
export type Tenant = { id: TenantId; name: string; plan: PlanId; status: TenantStatus; createdAt: Date }

export type TenantStore = {
  insert(tenant: Pick<Tenant, 'id' | 'name' | 'plan'>): Promise<Tenant>
  find(id: TenantId): Promise<Tenant | null>
  list(): Promise<Tenant[]>
  /** Null when there is no such tenant. */
  update(id: TenantId, change: { plan?: PlanId; status?: TenantStatus }): Promise<Tenant | null>
}
