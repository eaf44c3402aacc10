import type { TenantId } from '@/lib/core/ids'
import { MODES, type Mode, PLAN_IDS, type PlanId } from '@/lib/core/plans'
import { isScope, SCOPES, type Scope } from '@/lib/core/scopes'
import type { SettlementTerms } from '@/lib/core/settlement-terms'

/** Thrown when an option is missing or wrong; its message says which and what is wanted. */
export class OptionError extends Error {}

export type Options = Readonly<Record<string, string | undefined>>

export function required(options: Options, name: string): string {
  const value = options[name]
  if (!value) throw new OptionError(`--${name} is missing.`)
  return value
}

export function tenantOf(options: Options): TenantId {
  const id = required(options, 'tenant')
  if (!id.startsWith('ten_')) throw new OptionError(`--tenant must be a tenant's id, such as ten_… (got "${id}").`)
  return id as TenantId
}

export function modeOf(options: Options): Mode {
  return oneOf('mode', required(options, 'mode'), MODES)
}

export function planOf(options: Options): PlanId {
  return oneOf('plan', required(options, 'plan'), PLAN_IDS)
}

/** What is named of a tenant's terms; one at least has to be. */
export function termsOf(options: Options): Partial<SettlementTerms> {
  const [wait, others] = [options['wait-until'], options['settled-by-other']]
  if (!wait && !others) throw new OptionError('Name --wait-until, --settled-by-other or both.')
  return {
    ...(wait && { waitUntil: oneOf('wait-until', wait, ['mined', 'final']) }),
    ...(others && { acceptsOthers: oneOf('settled-by-other', others, ['accept', 'refuse']) === 'accept' }),
  }
}

/** A comma-separated list of scopes; every scope when none is named. */
export function scopesOf({ scopes }: Options): Scope[] {
  if (!scopes) return [...SCOPES]
  return scopes.split(',').map((scope) => {
    if (isScope(scope)) return scope
    throw new OptionError(`--scopes holds "${scope}"; there are ${SCOPES.join(', ')}.`)
  })
}

/** A time that is still to come, as a date or RFC 3339; null when the option is left out. */
export function timeOf(options: Options, name: string, now = Date.now()): Date | null {
  const text = options[name]
  if (!text) return null
  const time = new Date(text)
  if (Number.isNaN(time.getTime()))
    throw new OptionError(`--${name} must be a date or an RFC 3339 time (got "${text}").`)
  if (time.getTime() <= now)
    throw new OptionError(`--${name} is over already: ${time.toISOString()}. Name a time that is still to come.`)
  return time
}

export function oneOf<Value extends string>(name: string, value: string, values: readonly Value[]): Value {
  const found = values.find((candidate) => candidate === value)
  if (found === undefined) throw new OptionError(`--${name} must be one of ${values.join(', ')} (got "${value}").`)
  return found
}
