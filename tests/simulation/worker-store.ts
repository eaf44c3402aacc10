import { LeaseLost } from '@/lib/adapters/postgres/settler-sign'
import { SECOND_MS } from '@/lib/core/clock'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { TRANSITIONS, type TransitionName } from '@/lib/core/settlement-states'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'
import type {
  Candidate,
  Lease,
  NewAttempt,
  OpenTransaction,
  Ready,
  SettlerStore,
  SignInput,
  SignResult,
  TransactionId,
} from '@/lib/settlements/settler-store'
import { decide, payOne, reopen, reopenOther } from './decisions'
import {
  fly,
  holderOf,
  type Row,
  type StoredAttempt,
  type StoredTransaction,
  type StoredWallet,
  type Tables,
  toSettlement,
} from './tables'

const LEASE_MS = 15 * SECOND_MS
const TAKE_MS = 10 * SECOND_MS

const byAge = (a: Row, b: Row) => a.createdAt.getTime() - b.createdAt.getTime() || a.order - b.order

/** The settlements as the worker needs them, in memory: the same answers as the adapter of Postgres gives. */
export function createMemoryWorkerStore(tables: Tables): SettlerStore {
  const { now } = tables
  return {
    ...createRows(tables),
    ...createWatching(tables),
    async registerWallet(network, address, chainNonce) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (!wallet) {
        tables.wallets.set(`${network}/${address}`, { nextNonce: chainNonce, fence: 0n, owner: null, untilMs: null })
      } else if (chainNonce > wallet.nextNonce) wallet.nextNonce = chainNonce
    },
    async lease(network, address, owner) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (!wallet || !isFree(wallet, owner, now())) return null
      const isKept = wallet.owner === owner && wallet.untilMs !== null && wallet.untilMs > now()
      const fence = isKept ? wallet.fence : wallet.fence + 1n
      Object.assign(wallet, { owner, fence, untilMs: now() + LEASE_MS })
      return { network, wallet: address, owner, fence }
    },
    async release({ network, wallet: address, owner, fence }) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (wallet?.owner === owner && wallet.fence === fence) wallet.untilMs = now()
    },
    sign: (input) => sign(tables, input),
    async addAttempt(lease, transaction, attempt) {
      if (!holds(tables, lease)) throw new LeaseLost(lease)
      return addAttempt(tables, lease, transaction, attempt)
    },
    async openTransactions(network, wallet, known) {
      return tables
        .open()
        .filter((transaction) => transaction.network === network && transaction.wallet === wallet)
        .sort((a, b) => Number(a.nonce - b.nonce))
        .map((transaction) => {
          const before = known.get(transaction.id)
          return before?.attempts.length === transaction.attempts.length ? before : toOpen(transaction)
        })
    },
    decide: async (decision) => decide(tables, decision),
    preempt: async (row, transfer, entries) => payOne(tables, row, { transfer, entries }),
    reopen: async (unfinal) => reopen(tables, unfinal),
    reopenOther: async (row) => reopenOther(tables, row),
    spentThisHour: async (network, wallet) => tables.spent.get(`wallet/${network}/${wallet}`) ?? 0n,
    async queueState(network) {
      const waiting = [...tables.rows.values()].filter((row) => row.network === network && row.isReady).length
      return { waiting, oldestSeconds: 0, open: tables.open().length, oldestOpenSeconds: 0, stuckNonces: [] }
    },
    report: async () => undefined,
  }
}

function isFree({ owner, untilMs }: StoredWallet, asking: string, nowMs: number): boolean {
  return owner === asking || untilMs === null || untilMs <= nowMs
}

function holds(tables: Tables, { network, wallet: address, owner, fence }: Lease): boolean {
  if (tables.has('ignores_fence')) return true
  const wallet = tables.wallets.get(`${network}/${address}`)
  return wallet?.owner === owner && wallet.fence === fence && wallet.untilMs !== null && wallet.untilMs > tables.now()
}

type Rows = Pick<
  SettlerStore,
  'takeReady' | 'putBack' | 'refuse' | 'membersOf' | 'expire' | 'watched' | 'releaseOverdue'
>

function createRows(tables: Tables): Rows {
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

function isInOpen(tables: Tables, { transactionId }: Row): boolean {
  return transactionId !== null && tables.transactions.get(transactionId)?.state === 'open'
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

/** The oldest and the newest by their block, so many of each. */
function bothEnds<Kept>(all: readonly Kept[], most: number, blockOf: (kept: Kept) => bigint | null): Kept[] {
  const sorted = [...all].sort((a, b) => Number((blockOf(a) ?? 0n) - (blockOf(b) ?? 0n)))
  return sorted.filter((_, index) => index < most || index >= sorted.length - most)
}

type Watching = Pick<SettlerStore, 'unfinal' | 'finalize' | 'unfinalOthers' | 'finalizeOther' | 'decidedFrom'>

function createWatching(tables: Tables): Watching {
  const { rows } = tables
  const decided = () => [...tables.transactions.values()].filter(({ state }) => state === 'decided')
  const toUnfinal = ({ id, blockNumber, blockHash }: StoredTransaction) => ({
    transactionId: id,
    blockNumber: blockNumber as bigint,
    blockHash: blockHash as Hex,
  })
  return {
    async unfinal(network, most) {
      const unfinal = decided().filter((transaction) => transaction.network === network && !transaction.isFinal)
      return bothEnds(unfinal, most, ({ blockNumber }) => blockNumber).map(toUnfinal)
    },
    async finalize(blocks) {
      const final = blocks.filter(({ transactionId, blockHash }) => {
        const found = tables.transactions.get(transactionId)
        return found?.state === 'decided' && found.blockHash === blockHash
      })
      const ids = new Set(final.map(({ transactionId }) => transactionId))
      for (const id of ids) (tables.transactions.get(id) as StoredTransaction).isFinal = true
      const paid = [...rows.values()].filter(
        ({ transactionId, state }) => transactionId && ids.has(transactionId) && state === 'mined',
      )
      for (const row of paid) tables.change(row, 'finalize', 'final')
      return paid.length
    },
    async unfinalOthers(network, most, fromBlock) {
      const isAsked = ({ isOtherFinal, mined }: Settlement) =>
        !isOtherFinal || (fromBlock !== undefined && (mined?.blockNumber ?? 0n) >= fromBlock)
      const others = [...rows.values()].filter((row) => row.network === network && row.state === 'settled_by_other')
      return bothEnds(others.filter(isAsked), most, ({ mined }) => mined?.blockNumber ?? null).map(toSettlement)
    },
    async finalizeOther({ id, version }) {
      const row = rows.get(id)
      if (!tables.isUnchanged(row, version) || row.state !== 'settled_by_other') return false
      row.isOtherFinal = true
      tables.onChanged(id)
      return true
    },
    async decidedFrom(network, wallet, nonce) {
      return decided()
        .filter((transaction) => transaction.network === network && transaction.wallet === wallet)
        .filter((transaction) => transaction.nonce >= nonce)
        .sort((a, b) => Number(a.nonce - b.nonce))
        .map(toUnfinal)
    },
  }
}

async function sign(tables: Tables, input: SignInput): Promise<SignResult> {
  const { lease } = input
  if (!holds(tables, lease)) throw new LeaseLost(lease)
  const wallet = tables.wallets.get(`${lease.network}/${lease.wallet}`) as StoredWallet
  const sorted = { waiting: [] as Ready[], gone: [] as Ready[], fitting: [] as Candidate[] }
  for (const candidate of input.candidates) sortIn(tables, input, candidate, sorted)
  const { waiting, gone } = sorted
  const signed = sorted.fitting.map(({ row }) => row)
  if (signed.length === 0) return { transaction: null, signed, waiting, gone }
  const nonce = wallet.nextNonce
  // It must not wait for anything: in the database this is one transaction that holds its locks.
  const attempt = await input.build(signed, nonce)
  if (tables.byHash.has(attempt.hash)) throw new Error(`these bytes are stored already: ${attempt.hash}`)
  if (!tables.has('forgets_nonce')) wallet.nextNonce += 1n
  for (const row of signed) fly(tables, row, row.amount)
  const transaction = addTransaction(tables, { lease, nonce, attempt, ids: signed.map(({ id }) => id) })
  for (const { id } of signed) {
    const set = { isReady: false, takenUntilMs: null, transactionId: transaction.id, transactionHash: attempt.hash }
    tables.change(tables.rows.get(id) as Row, 'sign', 'broadcast', { ...set, reason: null, message: null })
  }
  return { transaction: toOpen(transaction), signed, waiting, gone }
}

type Sorted = { waiting: Ready[]; gone: Ready[]; fitting: Candidate[] }

function sortIn(tables: Tables, { block }: SignInput, candidate: Candidate, sorted: Sorted): void {
  const { row, balance } = candidate
  const now = tables.rows.get(row.id)
  if (!tables.isUnchanged(now, row.version) || !canBeSigned(tables, now)) return void sorted.gone.push(row)
  const flight = tables.flights.get(holderOf(row))
  const added = sorted.fitting.filter((one) => holderOf(one.row) === holderOf(row))
  const taken = added.reduce((sum, one) => sum + one.row.amount, flight?.inFlight ?? 0n) + row.amount
  const fits = (flight?.decidedBlock ?? 0n) <= block && taken <= balance
  if (fits || tables.has('ignores_flights')) sorted.fitting.push(candidate)
  else sorted.waiting.push(row)
}

function canBeSigned(tables: Tables, row: Row): boolean {
  const isThere = row.isReady && (TRANSITIONS.sign.from as readonly string[]).includes(row.state)
  return isThere && row.deadlineMs > tables.now() && !isInOpen(tables, row)
}

function fenceOf(tables: Tables, { network, wallet }: Lease): bigint {
  return tables.wallets.get(`${network}/${wallet}`)?.fence ?? 0n
}

type New = { lease: Lease; nonce: bigint; attempt: NewAttempt; ids: SettlementId[] }

function addTransaction(tables: Tables, { lease, nonce, attempt, ids }: New): StoredTransaction {
  const createdAt = new Date(tables.now())
  const transaction: StoredTransaction = {
    id: newId('transaction', tables.now()),
    network: lease.network,
    wallet: lease.wallet,
    nonce,
    state: 'open',
    ...{ minedHash: null, blockNumber: null, blockHash: null, feeWei: 0n, isFinal: false },
    createdAt,
    attempts: [{ ...attempt, createdAt, fence: lease.fence, newestFence: fenceOf(tables, lease), members: ids }],
  }
  tables.transactions.set(transaction.id, transaction)
  tables.byHash.set(attempt.hash, transaction)
  return transaction
}

function addAttempt(tables: Tables, lease: Lease, open: OpenTransaction, attempt: NewAttempt): OpenTransaction {
  const stored = tables.transactions.get(open.id) as StoredTransaction
  const createdAt = new Date(tables.now())
  const last = open.attempts.findLast(({ kind }) => kind === 'settle')?.hash
  const isSettle = attempt.kind === 'settle'
  const members = isSettle ? (stored.attempts.find(({ hash }) => hash === last)?.members ?? []) : []
  if (tables.byHash.has(attempt.hash)) throw new Error(`these bytes are stored already: ${attempt.hash}`)
  const fences = { fence: lease.fence, newestFence: fenceOf(tables, lease) }
  stored.attempts.push({ ...attempt, createdAt, ...fences, members: [...members] })
  tables.byHash.set(attempt.hash, stored)
  for (const row of tables.rows.values()) {
    if (isSettle && row.transactionId === stored.id && row.state === 'broadcast') row.transactionHash = attempt.hash
  }
  return { ...open, attempts: [...open.attempts, { ...attempt, createdAt }] }
}

function toOpen({ id, network, wallet, nonce, attempts, createdAt }: StoredTransaction): OpenTransaction {
  const shown = ({ fence, newestFence, members, ...attempt }: StoredAttempt) => attempt
  return { id, network, wallet, nonce, attempts: attempts.map(shown), createdAt }
}
