import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { Scope } from '@/lib/core/scopes'

/** A key as its tenant sees it: never the key itself, which is known only at its creation. */
export type ApiKey = {
  id: Id<'apiKey'>
  tenantId: TenantId
  mode: Mode
  name: string
  firstFour: string
  lastFour: string
  scopes: Scope[]
  createdAt: Date
  expiresAt: Date | null
  revokedAt: Date | null
  lastUsedAt: Date | null
}

export type NewApiKey = Omit<ApiKey, 'createdAt' | 'revokedAt' | 'lastUsedAt'> & { hash: string }

export type ApiKeyStore = {
  insert(key: NewApiKey): Promise<ApiKey>
  list(tenantId: TenantId): Promise<ApiKey[]>
  find(tenantId: TenantId, id: string): Promise<ApiKey | null>
  /** Null when the tenant has no such key. */
  update(tenantId: TenantId, id: string, change: { expiresAt?: Date; revokedAt?: Date }): Promise<ApiKey | null>
}
