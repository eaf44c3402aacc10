import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import type { Tenant, TenantStore } from './tenant-store'

export type CreateTenantDeps = { now: Clock; tenants: Pick<TenantStore, 'insert'> }

/** @throws AppError `parameter_invalid` when the name is empty or over 100 characters long */
export async function createTenant(
  { now, tenants }: CreateTenantDeps,
  { name, plan }: { name: string; plan: PlanId },
): Promise<Tenant> {
  const trimmed = name.trim()
  if (trimmed.length === 0 || trimmed.length > 100) {
    const problem = { param: 'name', message: 'is empty or too long', fix: 'Send 1 to 100 characters.' }
    throw new AppError('parameter_invalid', { problems: [problem] })
  }
  return tenants.insert({ id: newId('tenant', now()), name: trimmed, plan })
}
