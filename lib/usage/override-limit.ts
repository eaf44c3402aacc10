import type { Clock } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import { newId, type TenantId } from '@/lib/core/ids'
import type { LimitOverrideStore, StoredOverride } from './limit-override-store'
import type { LimitOverride } from './limits'

export type OverrideLimitDeps = { now: Clock; overrides: Pick<LimitOverrideStore, 'insert'> }

/**
 * Gives one tenant another limit, with the reason for it and, as a rule, an end. Every process knows of it within five
 * seconds; the newest override of a limit counts.
 *
 * @throws AppError `parameter_invalid`
 */
export async function overrideLimit(
  { now, overrides }: OverrideLimitDeps,
  tenantId: TenantId,
  override: LimitOverride & { reason: string },
): Promise<StoredOverride> {
  if (override.reason.trim().length === 0) throw invalid('reason', 'is missing', 'Say why this tenant is an exception.')
  if (override.value !== null && !(Number.isSafeInteger(override.value) && override.value >= 0)) {
    throw invalid('value', 'is not a whole number', 'Send a whole number of at least 0, or none for no limit.')
  }
  if (override.endsAt && override.endsAt.getTime() <= now())
    throw invalid('endsAt', 'is over already', 'Send a later time.')
  return overrides.insert({ ...override, id: newId('limitOverride', now()), tenantId })
}

function invalid(param: string, message: string, fix: string): AppError {
  return new AppError('parameter_invalid', { problems: [{ param, message, fix }] })
}
