import type { ApiKey as ApiKeyRow } from '@/generated/prisma/client'
import type { ApiKey, ApiKeyStore } from '@/lib/api-keys/api-key-store'
import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import { isScope } from '@/lib/core/scopes'
import type { PrismaClient } from './prisma'
import { forTenant } from './unknown-tenant'

/** API keys, by Prisma. */
export function createApiKeyStore(prisma: PrismaClient): ApiKeyStore {
  return {
    insert: async (key) => toApiKey(await forTenant(key.tenantId, prisma.apiKey.create({ data: key }))),
    list: async (tenantId) =>
      (await prisma.apiKey.findMany({ where: { tenantId }, orderBy: { createdAt: 'desc' } })).map(toApiKey),
    async find(tenantId, id) {
      const row = await prisma.apiKey.findFirst({ where: { tenantId, id } })
      return row && toApiKey(row)
    },
    async update(tenantId, id, change) {
      const [row] = await prisma.apiKey.updateManyAndReturn({ where: { tenantId, id }, data: change })
      return row ? toApiKey(row) : null
    },
  }
}

function toApiKey({ hash: _, updatedAt: __, ...row }: ApiKeyRow): ApiKey {
  return {
    ...row,
    id: row.id as Id<'apiKey'>,
    tenantId: row.tenantId as TenantId,
    mode: row.mode as Mode,
    scopes: row.scopes.filter(isScope),
  }
}
