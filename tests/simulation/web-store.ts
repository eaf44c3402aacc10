import { keyText } from '@/lib/adapters/postgres/settlement-row'
import { DAY_MS, SECOND_MS } from '@/lib/core/clock'
import { isPaid } from '@/lib/core/settlement-states'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Claim, ClaimOutcome, SettlementStore } from '@/lib/settlements/settlement-store'
import { type Row, type Tables, toSettlement } from './tables'

const SIGN_MS = 20 * SECOND_MS
const LATE = 'It was not signed in time. Nothing was sent, and nothing will be.'

/** The settlements as web needs them, in memory: the same answers as the adapter of Postgres gives. */
export function createMemoryWebStore(tables: Tables): SettlementStore {
  const { rows, now } = tables
  return {
    async findHeld(key) {
      const row = tables.byKey.get(keyText(key))
      return row ? toSettlement(row) : null
    },
    async find(id) {
      const row = rows.get(id)
      return row ? toSettlement(row) : null
    },
    async claim(claim) {
      return takeKey(tables, claim)
    },
    async recordRefusal(claim, { reason, message }) {
      const row = toRow(tables, claim)
      Object.assign(row, { state: 'failed', isReady: false, reason, message, releasedAt: new Date(now()) })
      rows.set(row.id, { ...row, paymentKey: null, deadlineMs: now() })
      tables.tell(row, 'refuse', null)
    },
    async grant(id, { requestId, keyHash }) {
      const row = rows.get(id)
      if (!row) return false
      // The same request asks again when the answer was lost.
      const isOwn = row.grantedRequest === requestId
      const isFree = isPaid(row.state) && (row.grantedAt === null || tables.has('grants_twice'))
      if (!isOwn && !isFree) return false
      Object.assign(row, { grantedAt: new Date(now()), grantedRequest: requestId, grantKey: keyHash })
      return true
    },
    async repeatGrant(id, requestId, keyHash) {
      const row = rows.get(id)
      if (!row || row.grantedAt === null || row.grantKey !== keyHash) return false
      row.grantedRequest = requestId
      return true
    },
    async takeBackGrant(id, requestId) {
      const row = rows.get(id)
      if (row?.grantedRequest === requestId)
        Object.assign(row, { grantedAt: null, grantedRequest: null, grantKey: null })
    },
    async retry(id, version) {
      const row = rows.get(id)
      if (!tables.isUnchanged(row, version)) return false
      if (row.state !== 'failed' || row.releasedAt || row.isMagic || row.isReady) return false
      const set = { isReady: true, reason: null, message: null, deadlineMs: now() + SIGN_MS, takenUntilMs: null }
      tables.change(row, 'retry', 'failed', set)
      tables.onQueued(row.network)
      return true
    },
    async releaseLate(id, version) {
      const row = rows.get(id)
      const isUnsigned = row?.state === 'queued' && row.transactionHash === null
      if (!tables.isUnchanged(row, version) || !(isUnsigned || tables.has('ignores_version'))) return false
      if (row.deadlineMs > now() && tables.has('waits_for_deadline')) return false
      const set = { paymentKey: null, releasedAt: new Date(now()), isReady: false }
      tables.change(row, 'release', 'failed', { ...set, reason: 'settlement_unavailable', message: LATE })
      return true
    },
    async playMagic(id, version, transition) {
      return playMagic(tables, id, { version, transition })
    },
    async rememberKey({ tenantId, mode, keyHash, fingerprint }) {
      const key = `${tenantId}/${mode}/${keyHash}`
      const kept = tables.idempotencyKeys.get(key)
      if (kept && kept.atMs >= now() - DAY_MS) return kept.fingerprint === fingerprint
      tables.idempotencyKeys.set(key, { fingerprint, atMs: now() })
      return true
    },
  }
}

function takeKey(tables: Tables, claim: Claim): ClaimOutcome {
  if (tables.rows.has(claim.id)) return 'held'
  if (tables.byKey.has(keyText(claim)) && !tables.has('claims_twice')) return 'held'
  const row = toRow(tables, claim)
  tables.rows.set(row.id, row)
  tables.byKey.set(keyText(claim), row)
  tables.tell(row, 'claim', null)
  if (row.isReady) tables.onQueued(row.network)
  return 'claimed'
}

function toRow(tables: Tables, claim: Claim): Row {
  const { keyId, requestId, resource, paymentIdentifier, request, ...kept } = claim
  return {
    ...kept,
    order: tables.nextOrder(),
    paymentKey: keyText(claim),
    state: 'queued',
    version: 0,
    ...{ reason: null, message: null, releasedAt: null, transactionHash: null, mined: null },
    ...{ grantedAt: null, grantKey: null, grantedRequest: null, settledAt: null },
    createdAt: new Date(tables.now()),
    updatedAtMs: tables.now(),
    isReady: !claim.isMagic,
    isAlone: false,
    takenUntilMs: null,
    deadlineMs: tables.now() + SIGN_MS,
    transactionId: null,
    gasWei: 0n,
    isOtherFinal: false,
  }
}

type Play = { version: number; transition: 'sign' | 'mine' | 'fail' }

function playMagic(tables: Tables, id: SettlementId, { version, transition }: Play): boolean {
  const row = tables.rows.get(id)
  if (!tables.isUnchanged(row, version) || !row.isMagic) return false
  if (row.state !== (transition === 'sign' ? 'queued' : 'broadcast')) return false
  const sets: Record<Play['transition'], [Settlement['state'], Partial<Row>]> = {
    sign: ['broadcast', { transactionHash: `0x${'ee'.repeat(32)}` }],
    mine: ['mined', { settledAt: new Date(tables.now()) }],
    fail: ['failed', { reason: 'invalid_exact_evm_transaction_failed', message: 'A magic payment of test mode.' }],
  }
  const [state, set] = sets[transition]
  tables.change(row, transition, state, set)
  return true
}
