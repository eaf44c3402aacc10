import { AppError } from '@/lib/core/errors'
import type { TenantId } from '@/lib/core/ids'
import type { Tenant, TenantChange, TenantStore } from './tenant-store'

export type ChangeTenantDeps = { tenants: Pick<TenantStore, 'update'> }

/** Sets a tenant's plan, status or terms; every process knows of it within five seconds. @throws AppError `resource_not_found` */
export async function changeTenant(
  { tenants }: ChangeTenantDeps,
  tenantId: TenantId,
  change: TenantChange,
): Promise<Tenant> {
  const tenant = await tenants.update(tenantId, change)
  if (!tenant) throw new AppError('resource_not_found', { message: `There is no tenant ${tenantId}.` })
  return tenant
}
