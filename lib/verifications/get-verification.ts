import { type Clock, DAY_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { idTimeMs } from '@/lib/core/ids'
import { toVerification } from './to-verification'
import type { LogOwner, VerificationStore } from './verification-store'

export type GetVerificationDeps = { now: Clock; verifications: Pick<VerificationStore, 'find'> }

/**
 * One row of a tenant's log with the request as it came, as JSON text: parsed and written anew, its numbers would not
 * be what was sent.
 *
 * @throws AppError `resource_not_found`
 */
export async function getVerification(
  deps: GetVerificationDeps,
  { owner, id, retentionDays }: { owner: LogOwner; id: string; retentionDays: number },
): Promise<string> {
  const atMs = idTimeMs('verification', id)
  const isKept = atMs !== null && atMs >= deps.now() - retentionDays * DAY_MS
  const row = isKept ? await deps.verifications.find(owner, id, atMs) : null
  if (!row) throw new AppError('resource_not_found', { message: 'There is no such verification.' })
  return `${JSON.stringify(toVerification(row)).slice(0, -1)},"request":${row.request}}`
}
