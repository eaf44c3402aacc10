import { type PageDeps, type PageInput, readPage } from './read-page'
import type { SettlementFilters } from './settlement-reader'
import { toPayment } from './to-payment'
import { type PaymentStatus, statesOf } from './to-settlement'

export type ListPaymentsInput = PageInput & {
  filters: Pick<SettlementFilters, 'payer' | 'network' | 'resource' | 'transaction'> & {
    status?: PaymentStatus | undefined
  }
}

/**
 * One page of what a tenant received or was to receive, newest first.
 *
 * @throws AppError `parameter_invalid` for a cursor of another list
 */
export function listPayments(deps: PageDeps, { filters, ...page }: ListPaymentsInput) {
  const { status, ...rest } = filters
  return readPage(deps, 'payments', page, status ? { ...rest, states: statesOf(status) } : rest, toPayment)
}
