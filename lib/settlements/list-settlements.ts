import { isPaid, SETTLEMENT_STATES, type SettlementState } from '@/lib/core/settlement-states'
import { type PageDeps, type PageInput, readPage } from './read-page'
import type { SettlementFilters } from './settlement-reader'
import { toSettlement } from './to-settlement'

export type ListSettlementsInput = PageInput & {
  filters: Omit<SettlementFilters, 'states'> & {
    state?: SettlementState | undefined
    /** The money has reached the seller. With `granted: false`: paid, and nobody was told, so it may be owed back. */
    paid?: boolean | undefined
  }
}

/**
 * One page of a tenant's settlements, newest first.
 *
 * @throws AppError `parameter_invalid` for a cursor of another list
 */
export function listSettlements(deps: PageDeps, { filters, ...page }: ListSettlementsInput) {
  const { state, paid, ...rest } = filters
  const states = SETTLEMENT_STATES.filter(
    (one) => (state === undefined || one === state) && (paid === undefined || isPaid(one) === paid),
  )
  const isOpen = state === undefined && paid === undefined
  return readPage(deps, 'settlements', page, isOpen ? rest : { ...rest, states }, toSettlement)
}
