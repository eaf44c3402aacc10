import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { newId, type TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { Scope } from '@/lib/core/scopes'
import type { ApiKey, ApiKeyStore } from './api-key-store'
import { generateKey, hashKey, keyHint } from './key-format'

export type CreateApiKeyDeps = { now: Clock; apiKeys: Pick<ApiKeyStore, 'insert'> }
export type CreateApiKeyInput = {
  tenantId: TenantId
  mode: Mode
  name: string
  scopes: readonly Scope[]
  expiresAt: Date | null
}

/** Makes a key and gives it once: from here on only its hash is known. @throws AppError `parameter_invalid` */
export async function createApiKey(
  { now, apiKeys }: CreateApiKeyDeps,
  { tenantId, mode, name, scopes, expiresAt }: CreateApiKeyInput,
): Promise<{ key: string; apiKey: ApiKey }> {
  if (scopes.length === 0) {
    const problem = { param: 'scopes', message: 'is empty', fix: 'Name at least one scope.' }
    throw new AppError('parameter_invalid', { problems: [problem] })
  }
  const key = generateKey(mode)
  const apiKey = await apiKeys.insert({
    id: newId('apiKey', now()),
    tenantId,
    mode,
    name: name.trim().slice(0, 100) || `${mode} key`,
    hash: hashKey(key),
    ...keyHint(key),
    scopes: [...new Set(scopes)],
    expiresAt,
  })
  return { key, apiKey }
}
