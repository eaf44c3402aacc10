import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import type { TenantId } from '@/lib/core/ids'
import type { ApiKey, ApiKeyStore } from './api-key-store'

export type RevokeApiKeyDeps = { now: Clock; apiKeys: Pick<ApiKeyStore, 'update'> }

/** Ends a key at once; every process refuses it within five seconds. @throws AppError `resource_not_found` */
export async function revokeApiKey(
  { now, apiKeys }: RevokeApiKeyDeps,
  tenantId: TenantId,
  id: string,
): Promise<ApiKey> {
  const revoked = await apiKeys.update(tenantId, id, { revokedAt: new Date(now()) })
  if (!revoked) throw new AppError('resource_not_found', { message: `The tenant has no key ${id}.` })
  return revoked
}
