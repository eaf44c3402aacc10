import { AppError } from '@/lib/core/errors'
import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import type { Tenant, TenantStatus, TenantStore } from './tenant-store'

export type ChangeTenantDeps = { tenants: Pick<TenantStore, 'update'> }

/** Sets a tenant's plan or status; every process knows of it within five seconds. @throws AppError `resource_not_found` */
export async function changeTenant(
  { tenants }: ChangeTenantDeps,
  tenantId: TenantId,
  change: { plan?: PlanId; status?: TenantStatus },
): Promise<Tenant> {
  const tenant = await tenants.update(tenantId, change)
  if (!tenant) throw new AppError('resource_not_found', { message: `There is no tenant ${tenantId}.` })
  return tenant
}
