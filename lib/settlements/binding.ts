import { createHash } from 'node:crypto'
import type { SettlementRefusal } from './reasons'
import type { Binding, Settlement, SignedTransfer } from './settlement'

/** The answer to a payment that is bound to other terms, or to another seller. */
export const BOUND_ELSEWHERE: SettlementRefusal = {
  reason: 'payment_bound_elsewhere',
  message:
    'This payment was presented before under other terms or to another seller. Look it up before you sign another.',
}

/** One text for one set of terms, whatever the order of their fields: canonical JSON, hashed. */
export function hashOfTerms(terms: unknown): string {
  return createHash('sha256').update(canonical(terms)).digest('base64url')
}

/** Whether a row settles this very payment for this very seller under these terms. */
export function isBoundTo(row: Settlement, binding: Binding, transfer: SignedTransfer): boolean {
  return (
    row.tenantId === binding.tenantId &&
    row.mode === binding.mode &&
    row.requirementsHash === binding.requirementsHash &&
    row.payTo === transfer.payTo &&
    row.amount === transfer.amount &&
    row.validAfter === transfer.validAfter &&
    row.validBefore === transfer.validBefore
  )
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined && field !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`
}
