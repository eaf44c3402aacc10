import type { CallerRecord } from '@/lib/api-keys/caller-record'
import type { Clock } from '@/lib/core/clock'
import { getPayment } from '@/lib/settlements/get-payment'
import { getSettlement } from '@/lib/settlements/get-settlement'
import { type ListPaymentsInput, listPayments } from '@/lib/settlements/list-payments'
import { type ListSettlementsInput, listSettlements } from '@/lib/settlements/list-settlements'
import { paymentStats, type StatsPeriod } from '@/lib/settlements/payment-stats'
import type { PageInput } from '@/lib/settlements/read-page'
import type { SettlementReader } from '@/lib/settlements/settlement-reader'

type Deps = {
  now: Clock
  settlements: SettlementReader
  isStopping(): boolean
  waitForChange(id: string, ms: number): Promise<void>
}

type PageQuery = Omit<PageInput, 'owner'>
type SettlementsQuery = PageQuery & ListSettlementsInput['filters']
type PaymentsQuery = PageQuery & ListPaymentsInput['filters']

/** The part of the services that shows settlements and payments. */
export function createSettlementQueries(deps: Deps) {
  const owner = ({ tenantId, mode }: CallerRecord) => ({ tenantId, mode })
  return {
    listSettlements(caller: CallerRecord, { limit, cursor, from, to, ...filters }: SettlementsQuery) {
      return listSettlements(deps, { owner: owner(caller), limit, cursor, from, to, filters })
    },
    getSettlement: (caller: CallerRecord, id = '', waitSeconds = 0) =>
      getSettlement(deps, { owner: owner(caller), id, waitSeconds }),
    listPayments(caller: CallerRecord, { limit, cursor, from, to, ...filters }: PaymentsQuery) {
      return listPayments(deps, { owner: owner(caller), limit, cursor, from, to, filters })
    },
    getPayment: (caller: CallerRecord, id = '') => getPayment(deps, owner(caller), id),
    paymentStats: (caller: CallerRecord, period: StatsPeriod) => paymentStats(deps, owner(caller), period),
  }
}
