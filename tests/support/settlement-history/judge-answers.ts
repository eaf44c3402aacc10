import { isPaid } from '@/lib/core/settlement-states'
import type { ChainHistory } from '@/tests/support/chain-history'
import type { SettleCall } from '@/tests/support/settle-client'
import { byKey, placeOf, repeated } from './collect'
import type { Judged } from './history'
import type { Row } from './records'

/** How a row may stand when nobody works on it any more: nothing is owed to whoever asks. */
const isAtRest = ({ state, is_ready }: Row) => !['queued', 'broadcast', 'reorged'].includes(state) && !is_ready

/** I1. Repeats under the seller's own Idempotency-Key are one and the same grant. */
export function oneOfEach({ calls, records, onChain }: Judged): string[] {
  const held = records.rows.filter(({ payment_key }) => payment_key !== null).map(({ key }) => key)
  const grants = new Map<string, string[]>()
  for (const [index, { outcome, paymentKey, idempotencyKey }] of calls.entries()) {
    if (outcome !== 'success') continue
    grants.set(paymentKey, [...(grants.get(paymentKey) ?? []), idempotencyKey ?? `call ${index}`])
  }
  return [
    ...repeated(held).map((key) => `${key} has several rows`),
    ...[...grants].flatMap(([key, to]) => (new Set(to).size > 1 ? [`${key} was granted ${to.length} times`] : [])),
    ...repeated(onChain.transfers.map(({ paymentKey }) => paymentKey)).map((key) => `${key} was transferred twice`),
  ]
}

/** I2 */
export function grantsArePaid({ calls, onChain, records }: Judged): string[] {
  const transfers = byKey(onChain.transfers)
  const reorged = new Set(records.events.flatMap((event) => (event.transition === 'reorg' ? event.settlement_id : [])))
  const rows = new Map(records.rows.map((row) => [row.key, row]))
  const granted = calls.filter(({ outcome }) => outcome === 'success')
  const places = new Map(granted.map(({ paymentKey }) => [paymentKey, placeOf(transfers.get(paymentKey))]))
  const wrong = granted.flatMap(({ paymentKey, transaction }) => {
    const transfer = transfers.get(paymentKey)
    if (!transfer) return [`${paymentKey} was granted, and nothing was transferred`]
    const mayDiffer = reorged.has(rows.get(paymentKey)?.id ?? '')
    return transfer.hash === transaction || mayDiffer ? [] : [`${paymentKey}: ${transaction} was answered, not its own`]
  })
  return [...wrong, ...repeated([...places.values()]).map((place) => `${place} serves two payments`)]
}

/** I3: of what the chain has. A client's last answer may be lost, but never a refusal. */
export function paidIsNotDenied({ calls, onChain, records }: Judged): string[] {
  const rows = new Map(records.rows.flatMap((row) => (row.released_at ? [] : [[row.key, row] as const])))
  const last = new Map(calls.map((call) => [call.paymentKey, call]))
  return onChain.transfers.flatMap(({ paymentKey, hash }) => {
    const row = rows.get(paymentKey)
    if (!row) return [`${paymentKey} was transferred in ${hash}, and no row knows`]
    if (!isPaid(row.state)) return [`${paymentKey} was transferred in ${hash}, and its row ${row.id} is ${row.state}`]
    const { outcome, reason } = last.get(paymentKey) ?? {}
    return outcome === 'refused' ? [`${paymentKey} is paid, and its caller was told ${reason}`] : []
  })
}

/** I4 */
export function outcomesAreKnown({ calls, records, patienceMs }: Judged, quietMs: number | null): string[] {
  const unknown = records.rows.filter((row) => !isAtRest(row)).map(({ id, state }) => `${id} is still ${state}`)
  const times = answerTimes(calls)
  const late = [...times].flatMap(([key, ms]) => (ms > patienceMs ? [`${key} was answered after ${ms} ms`] : []))
  const asked = [...new Set(calls.map(({ paymentKey }) => paymentKey))]
  const open = asked.filter((key) => !times.has(key) && isOwed(calls, key))
  return [
    ...(quietMs === null ? ['something is under way for ever'] : []),
    ...unknown,
    ...late,
    ...open.map((key) => `${key} was never answered`),
  ]
}

/** Milliseconds from the first time that a payment was sent to the first answer that ends it. */
export function answerTimes(calls: readonly SettleCall[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const { paymentKey, sentAt } of calls) first.set(paymentKey, Math.min(sentAt, first.get(paymentKey) ?? sentAt))
  const times = new Map<string, number>()
  for (const { paymentKey, endedAt, outcome } of calls) {
    if (!ENDS.includes(outcome) || times.has(paymentKey)) continue
    times.set(paymentKey, endedAt - (first.get(paymentKey) ?? endedAt))
  }
  return times
}

const ENDS = ['success', 'duplicate', 'refused']
/** A caller who was told that nothing was sent, and did not ask again, has his answer. */
const isOwed = (calls: readonly SettleCall[], key: string) =>
  calls.findLast(({ paymentKey }) => paymentKey === key)?.outcome !== 'unavailable'

/** An answer without a hash is a promise, unless the caller asks again. */
export function nothingWasSent(calls: readonly SettleCall[], { transfers }: ChainHistory): string[] {
  const last = new Map(calls.map((call) => [call.paymentKey, call]))
  return transfers.flatMap(({ paymentKey, hash }) => {
    const { outcome, reason } = last.get(paymentKey) ?? {}
    return outcome === 'unavailable' ? [`${paymentKey}: ${reason} was answered, and ${hash} transferred it`] : []
  })
}
