import type { Tenant as TenantRow } from '@/generated/prisma/client'
import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import type { WaitUntil } from '@/lib/core/settlement-terms'
import type { Tenant, TenantStatus, TenantStore } from '@/lib/tenants/tenant-store'
import type { PrismaClient } from './prisma'

/** Tenants, by Prisma. */
export function createTenantStore(prisma: PrismaClient): TenantStore {
  return {
    insert: async (tenant) => toTenant(await prisma.tenant.create({ data: tenant })),
    async find(id) {
      const row = await prisma.tenant.findUnique({ where: { id } })
      return row && toTenant(row)
    },
    list: async () => (await prisma.tenant.findMany({ orderBy: { createdAt: 'asc' } })).map(toTenant),
    async update(id, change) {
      const [row] = await prisma.tenant.updateManyAndReturn({ where: { id }, data: change })
      return row ? toTenant(row) : null
    },
  }
}

function toTenant({ id, name, plan, status, waitUntil, acceptsOthers, createdAt }: TenantRow): Tenant {
  return {
    ...{ id: id as TenantId, name, plan: plan as PlanId, status: status as TenantStatus },
    ...{ waitUntil: waitUntil as WaitUntil, acceptsOthers, createdAt },
  }
}
