import type { LimitOverride as OverrideRow } from '@/generated/prisma/client'
import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { LimitOverrideStore, StoredOverride } from '@/lib/usage/limit-override-store'
import type { LimitName } from '@/lib/usage/limits'
import type { PrismaClient } from './prisma'
import { forTenant } from './unknown-tenant'

/** Exceptions from the limits of a plan, by Prisma. */
export function createLimitOverrideStore(prisma: PrismaClient): LimitOverrideStore {
  return {
    async insert({ value, ...override }) {
      const data = { ...override, value: value === null ? null : BigInt(value) }
      return toOverride(await forTenant(override.tenantId, prisma.limitOverride.create({ data })))
    },
    async list(tenantId) {
      const rows = await prisma.limitOverride.findMany({
        where: { tenantId, removedAt: null },
        orderBy: { createdAt: 'desc' },
      })
      return rows.map(toOverride)
    },
    async remove(tenantId, id, at) {
      const { count } = await prisma.limitOverride.updateMany({
        where: { tenantId, id, removedAt: null },
        data: { removedAt: at },
      })
      return count > 0
    },
  }
}

function toOverride({ id, tenantId, mode, name, value, reason, endsAt, createdAt }: OverrideRow): StoredOverride {
  return {
    id: id as Id<'limitOverride'>,
    tenantId: tenantId as TenantId,
    mode: mode as Mode | null,
    name: name as LimitName,
    value: value === null ? null : Number(value),
    reason,
    endsAt,
    createdAt,
  }
}
