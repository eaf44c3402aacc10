import { SECOND_MS } from '@/lib/core/clock'
import { TRANSITIONS, type TransitionName } from '@/lib/core/settlement-states'
import type { SettlementId } from '@/lib/settlements/settlement'
import type { SettlerStore, TransactionId } from '@/lib/settlements/settler-store'
import { isInOpen, type Row, type StoredTransaction, type Tables, toSettlement } from './tables'

const TAKE_MS = 10 * SECOND_MS

const byAge = (a: Row, b: Row) => a.createdAt.getTime() - b.createdAt.getTime() || a.order - b.order

type Rows = Pick<
  SettlerStore,
  'takeReady' | 'putBack' | 'refuse' | 'membersOf' | 'expire' | 'watched' | 'seenUnused' | 'releaseOverdue'
>

/** Rows that are taken, refused, watched or too late. */
export function createRows(tables: Tables): Rows {
  const { rows, now } = tables
  return {
    async takeReady(network, most) {
      const taken = [...rows.values()]
        .filter((row) => row.network === network && row.isReady && row.deadlineMs > now() && isNotTaken(row, now()))
        .filter((row) => !isInOpen(tables, row))
        .sort(byAge)
        .slice(0, most)
      for (const row of taken) row.takenUntilMs = now() + TAKE_MS
      return taken.map((row) => ({ ...toSettlement(row), isAlone: row.isAlone }))
    },
    async putBack(ids, afterMs) {
      for (const id of ids) {
        const row = rows.get(id)
        if (row?.isReady) row.takenUntilMs = now() + afterMs
      }
    },
    async refuse({ id, version, state }, { reason, message }) {
      const transition = state === 'queued' ? 'release' : 'fail'
      const free = state === 'queued' ? { paymentKey: null, releasedAt: new Date(now()) } : {}
      const set = { ...free, isReady: false, takenUntilMs: null, reason, message }
      return changeOne(tables, { id, version }, transition, set)
    },
    async membersOf(transactionId) {
      return [...membersOf(tables, transactionId)]
        .map((id) => rows.get(id) as Row)
        .filter(({ state }) => state === 'queued' || state === 'broadcast' || state === 'failed')
        .sort(byAge)
        .map((row) => ({ ...toSettlement(row), entered: enteredBy(tables, row.id) }))
    },
    async expire({ id, version }) {
      if (isInUnfinal(tables, id)) return false
      const reason = rows.get(id)?.reason ?? 'invalid_exact_evm_payload_authorization_valid_before'
      const message = 'The authorization was not used, and never can be any more.'
      return changeOne(tables, { id, version }, 'expire', { isReady: false, reason, message })
    },
    async watched(network, most) {
      return [...rows.values()]
        .filter((row) => row.network === network && row.state === 'failed' && row.releasedAt === null)
        .filter((row) => !row.isReady && !row.isMagic)
        .sort((a, b) => a.updatedAtMs - b.updatedAtMs)
        .slice(0, most)
        .map(toSettlement)
    },
    async seenUnused(ids, block) {
      for (const id of ids) {
        const row = rows.get(id)
        if (row?.state === 'failed' && row.seenUnusedBlock < block) row.seenUnusedBlock = block
      }
    },
    async releaseOverdue(network) {
      const overdue = [...rows.values()].filter(
        (row) => row.network === network && row.isReady && row.deadlineMs <= now(),
      )
      for (const row of overdue) releaseOverdue(tables, row)
      return overdue.length
    },
  }
}

function releaseOverdue(tables: Tables, row: Row): void {
  const set = { isReady: false, takenUntilMs: null }
  if (row.state === 'queued') {
    const message = 'It was not signed in time. Nothing was sent, and nothing will be.'
    const free = { paymentKey: null, releasedAt: new Date(tables.now()), reason: 'settlement_unavailable', message }
    tables.change(row, 'release', 'failed', { ...set, ...free })
  } else {
    const message = 'It was not sent again in time.'
    tables.change(row, 'fail', 'failed', { ...set, reason: 'invalid_exact_evm_transaction_failed', message })
  }
}

function isNotTaken({ takenUntilMs }: Row, nowMs: number): boolean {
  return takenUntilMs === null || takenUntilMs < nowMs
}

function membersOf(tables: Tables, id: TransactionId): Set<SettlementId> {
  return new Set(tables.transactions.get(id)?.attempts.flatMap(({ members }) => members))
}

/** After a reorganisation a transaction of ours may have paid that had not. */
function isInUnfinal(tables: Tables, id: SettlementId): boolean {
  const has = ({ attempts }: StoredTransaction) => attempts.some(({ members }) => members.includes(id))
  return [...tables.transactions.values()].some((transaction) => !transaction.isFinal && has(transaction))
}

function enteredBy(tables: Tables, id: SettlementId): number {
  const has = ({ attempts }: StoredTransaction) => attempts.some(({ members }) => members.includes(id))
  return [...tables.transactions.values()].filter(has).length
}

type Version = { id: SettlementId; version: number }

function changeOne(tables: Tables, { id, version }: Version, transition: TransitionName, set: Partial<Row>): boolean {
  const row = tables.rows.get(id)
  if (!tables.isUnchanged(row, version)) return false
  const { from, to } = TRANSITIONS[transition]
  if (!(from as readonly string[]).includes(row.state) && !tables.has('ignores_version')) return false
  tables.change(row, transition, to, set)
  return true
}
