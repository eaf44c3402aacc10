import type { Id, TenantId } from '@/lib/core/ids'
import type { LimitOverride } from './limits'

export type StoredOverride = LimitOverride & {
  id: Id<'limitOverride'>
  tenantId: TenantId
  reason: string
  createdAt: Date
}

export type LimitOverrideStore = {
  insert(override: Omit<StoredOverride, 'createdAt'>): Promise<StoredOverride>
  /** Those in force or still to come, newest first. */
  list(tenantId: TenantId): Promise<StoredOverride[]>
  /** False when the tenant has no such override. */
  remove(tenantId: TenantId, id: string, at: Date): Promise<boolean>
}
