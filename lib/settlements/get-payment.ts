import { AppError } from '@/lib/core/errors'
import { idTimeMs } from '@/lib/core/ids'
import type { SettlementOwner, SettlementReader } from './settlement-reader'
import { toPayment } from './to-payment'

export type GetPaymentDeps = { settlements: Pick<SettlementReader, 'find'> }

/**
 * One payment that a tenant received or was to receive.
 *
 * @throws AppError `resource_not_found`
 */
export async function getPayment({ settlements }: GetPaymentDeps, owner: SettlementOwner, id: string) {
  const row = idTimeMs('settlement', id) === null ? null : await settlements.find(owner, id)
  if (!row) throw new AppError('resource_not_found', { message: 'There is no such payment.' })
  return toPayment(row)
}
