import { SECOND_MS } from '@/lib/core/clock'
import { isPaid, type SettlementState } from '@/lib/core/settlement-states'
import type { Truth } from './check-paid'
import { type Discrepancy, discrepancy } from './classes'
import type { SettlementFacts } from './facts'

/** The transfer that a row has used up, against the one that paid it. */
export function checkUsed({ settlement: row, used, rival }: SettlementFacts, truth: Truth | null): Discrepancy | null {
  const ids = { network: row.network, settlementId: row.id }
  if (!isPaid(row.state)) {
    if (!used) return null
    const found = `${used.transactionHash} at ${used.position}`
    return discrepancy('used_transfer_of_unpaid_row', { ...ids, expected: `none, for it is ${row.state}`, found })
  }
  const expected = truth ? `${truth.mined.transactionHash} at ${truth.mined.position}` : 'the transfer that paid it'
  if (rival) return discrepancy('used_transfer_shared', { ...ids, expected, found: `used by ${rival}` })
  if (!used) return discrepancy('paid_state_without_used_transfer', { ...ids, expected, found: 'none' })
  const found = `${used.transactionHash} at ${used.position}`
  if (!truth || found === expected) return null
  return discrepancy('used_transfer_wrong', { ...ids, expected, found })
}

/** Every change has left its event, and the last of them is where the row is now. */
export function checkEvents({ settlement: row, events }: SettlementFacts): Discrepancy | null {
  const last = events.at(-1)
  const isWhole = events.length === row.version + 1 && events.every(({ version }, index) => version === index)
  if (isWhole && last?.state === row.state) return null
  return discrepancy('event_history_gap', {
    network: row.network,
    settlementId: row.id,
    expected: `events 0 to ${row.version}, the last of them ${row.state}`,
    found: events.map(({ version, state }) => `${version} ${state}`).join(', ') || 'none',
  })
}

const UNDER_WAY: readonly SettlementState[] = ['queued', 'broadcast', 'reorged']

export function checkAge({ settlement: row, events }: SettlementFacts, nowMs: number, openSeconds: number) {
  if (!UNDER_WAY.includes(row.state)) return null
  const since = events.at(-1)?.at ?? row.createdAt
  const seconds = Math.floor((nowMs - since.getTime()) / SECOND_MS)
  if (seconds <= openSeconds) return null
  const expected = `an outcome within ${openSeconds} s`
  const found = `${row.state} for ${seconds} s`
  return discrepancy('row_open_too_long', { network: row.network, settlementId: row.id, expected, found })
}

/** After a reorg a row may be granted and under way again; but not granted and given up. */
export function checkGrant({ settlement: row }: SettlementFacts): Discrepancy | null {
  const isRight = isPaid(row.state) || row.state === 'broadcast' || row.state === 'reorged'
  if (!row.grantedAt || isRight) return null
  return discrepancy('granted_without_payment', {
    network: row.network,
    settlementId: row.id,
    expected: 'a payment, for success was answered',
    found: row.state,
  })
}

export function checkFinality(
  { settlement: row, blockNumber }: SettlementFacts,
  finalized: { number: bigint; timestampSeconds: number },
  limits: { nowMs: number; openSeconds: number },
): Discrepancy | null {
  if (row.state !== 'mined' || blockNumber === null || blockNumber > finalized.number) return null
  const seconds = Math.floor((limits.nowMs - (row.settledAt ?? row.createdAt).getTime()) / SECOND_MS)
  if (seconds <= limits.openSeconds) return null
  const expected = `final, for block ${finalized.number} is`
  const found = `mined in block ${blockNumber}, ${seconds} s ago`
  return discrepancy('not_marked_final', { network: row.network, settlementId: row.id, expected, found })
}
