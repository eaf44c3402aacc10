import { Pool } from 'pg'
import type { Clock } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import type { Mode, PlanId } from '@/lib/core/plans'
import { SCOPES, type Scope } from '@/lib/core/scopes'
import { createAdmin } from '@/lib/create-admin'
import type { LimitName } from '@/lib/usage/limits'

export type TestTenant = { tenantId: TenantId; keyId: string; key: string }

export type TenantOptions = {
  plan?: PlanId
  mode?: Mode
  scopes?: readonly Scope[]
  /** Limits that stand in the place of the plan's; by default none that a test would meet. */
  limits?: Partial<Record<LimitName, number | null>>
}

const NO_LIMITS = { minute: null, hour: null, month: null }

/** Makes a tenant with a key, straight in the database, as the operator's commands do. */
export async function createTenantWithKey(databaseUrl: string, options: TenantOptions = {}): Promise<TestTenant> {
  const { plan = 'pro', mode = 'test', scopes = SCOPES, limits = NO_LIMITS } = options
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const admin = createAdmin(pool)
  try {
    const { id: tenantId } = await admin.createTenant({ name: `Test ${plan}`, plan })
    for (const [name, value] of Object.entries(limits)) {
      const override = { name: name as LimitName, mode: null, value, endsAt: null, reason: 'a test' }
      await admin.overrideLimit(tenantId, override)
    }
    const { key, apiKey } = await admin.createApiKey({ tenantId, mode, name: 'test', scopes, expiresAt: null })
    return { tenantId, keyId: apiKey.id, key }
  } finally {
    await admin.close()
    await pool.end()
  }
}

/** Runs something with the operator's functions on a database, by a clock that may be wrong on purpose. */
export async function withAdmin<T>(
  databaseUrl: string,
  run: (admin: ReturnType<typeof createAdmin>) => Promise<T>,
  now: Clock = Date.now,
): Promise<T> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  const admin = createAdmin(pool, now)
  try {
    return await run(admin)
  } finally {
    await admin.close()
    await pool.end()
  }
}
