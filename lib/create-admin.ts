import type { Pool } from 'pg'
import { createApiKeyStore } from '@/lib/adapters/postgres/api-key-store'
import { createLimitOverrideStore } from '@/lib/adapters/postgres/limit-override-store'
import { createPaymentStopStore } from '@/lib/adapters/postgres/payment-stop-store'
import { createPrisma } from '@/lib/adapters/postgres/prisma'
import { createTenantStore } from '@/lib/adapters/postgres/tenant-store'
import { type CreateApiKeyInput, createApiKey } from '@/lib/api-keys/create-api-key'
import { revokeApiKey } from '@/lib/api-keys/revoke-api-key'
import { type Overlap, rotateApiKey } from '@/lib/api-keys/rotate-api-key'
import type { TenantId } from '@/lib/core/ids'
import type { PlanId } from '@/lib/core/plans'
import { resumePayments, stopPayments } from '@/lib/settlements/stop-payments'
import { changeTenant } from '@/lib/tenants/change-tenant'
import { createTenant } from '@/lib/tenants/create-tenant'
import type { TenantChange } from '@/lib/tenants/tenant-store'
import type { LimitOverride } from '@/lib/usage/limits'
import { overrideLimit } from '@/lib/usage/override-limit'

export type Admin = ReturnType<typeof createAdmin>

/** What an operator can do, bound to a database: the commands use it now, screens later. */
export function createAdmin(pool: Pool, now = Date.now) {
  const prisma = createPrisma(pool)
  const tenants = createTenantStore(prisma)
  const apiKeys = createApiKeyStore(prisma)
  const overrides = createLimitOverrideStore(prisma)
  const stops = createPaymentStopStore(prisma)
  return {
    createTenant: (input: { name: string; plan: PlanId }) => createTenant({ now, tenants }, input),
    listTenants: tenants.list,
    findTenant: tenants.find,
    changeTenant: (id: TenantId, change: TenantChange) => changeTenant({ tenants }, id, change),
    createApiKey: (input: CreateApiKeyInput) => createApiKey({ now, apiKeys }, input),
    listApiKeys: apiKeys.list,
    revokeApiKey: (tenantId: TenantId, id: string) => revokeApiKey({ now, apiKeys }, tenantId, id),
    rotateApiKey: (input: { tenantId: TenantId; id: string; overlap: Overlap }) =>
      rotateApiKey({ now, apiKeys }, input),
    overrideLimit: (tenantId: TenantId, override: LimitOverride & { reason: string }) =>
      overrideLimit({ now, overrides }, tenantId, override),
    listOverrides: overrides.list,
    removeOverride: (tenantId: TenantId, id: string) => overrides.remove(tenantId, id, new Date(now())),
    stopPayments: (order: { network: string; reason: string }) => stopPayments({ now, stops }, order),
    resumePayments: (network: string) => resumePayments({ stops }, network),
    listPaymentStops: stops.list,
    close: () => prisma.$disconnect(),
  }
}
