import { type Clock, DAY_MS, HOUR_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import type { TenantId } from '@/lib/core/ids'
import type { ApiKey, ApiKeyStore } from './api-key-store'
import { createApiKey } from './create-api-key'

/** How long the old key still works beside the new one. */
export const OVERLAPS = { now: 0, '1h': HOUR_MS, '24h': DAY_MS, '7d': 7 * DAY_MS } as const
export type Overlap = keyof typeof OVERLAPS

export type RotateApiKeyDeps = { now: Clock; apiKeys: Pick<ApiKeyStore, 'insert' | 'find' | 'update'> }

/**
 * Makes a successor with the same mode, name, scopes and end, and lets the old key end after the overlap.
 *
 * @throws AppError `resource_not_found` when the tenant has no such key, or it was revoked
 */
export async function rotateApiKey(
  deps: RotateApiKeyDeps,
  { tenantId, id, overlap }: { tenantId: TenantId; id: string; overlap: Overlap },
): Promise<{ key: string; apiKey: ApiKey }> {
  const old = await deps.apiKeys.find(tenantId, id)
  if (!old || old.revokedAt)
    throw new AppError('resource_not_found', { message: `The tenant has no active key ${id}.` })
  const { mode, name, scopes, expiresAt } = old
  const created = await createApiKey(deps, { tenantId, mode, name, scopes, expiresAt })
  const endsAt = new Date(deps.now() + OVERLAPS[overlap])
  const ending = overlap === 'now' ? { revokedAt: endsAt } : { expiresAt: earlier(endsAt, expiresAt) }
  await deps.apiKeys.update(tenantId, id, ending)
  return created
}

function earlier(endsAt: Date, expiresAt: Date | null): Date {
  return expiresAt && expiresAt < endsAt ? expiresAt : endsAt
}
