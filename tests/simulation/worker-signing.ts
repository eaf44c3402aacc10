import { LeaseLost } from '@/lib/adapters/postgres/settler-sign'
import { newId } from '@/lib/core/ids'
import { TRANSITIONS } from '@/lib/core/settlement-states'
import type { SettlementId } from '@/lib/settlements/settlement'
import type {
  Candidate,
  Lease,
  NewAttempt,
  OpenTransaction,
  Ready,
  SignInput,
  SignResult,
} from '@/lib/settlements/settler-store'
import {
  fly,
  holderOf,
  isInOpen,
  type Row,
  type StoredAttempt,
  type StoredTransaction,
  type StoredWallet,
  type Tables,
} from './tables'

/** Whether a lease is still its holder’s. */
export function holds(tables: Tables, { network, wallet: address, owner, fence }: Lease): boolean {
  if (tables.has('ignores_fence')) return true
  const wallet = tables.wallets.get(`${network}/${address}`)
  return wallet?.owner === owner && wallet.fence === fence && wallet.untilMs !== null && wallet.untilMs > tables.now()
}

/** Gives a nonce to the rows that can be signed. */
export async function sign(tables: Tables, input: SignInput): Promise<SignResult> {
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

/** Other bytes for a nonce that is given already. */
export function addAttempt(tables: Tables, lease: Lease, open: OpenTransaction, attempt: NewAttempt): OpenTransaction {
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

/** A transaction as the domain sees it. */
export function toOpen({ id, network, wallet, nonce, attempts, createdAt }: StoredTransaction): OpenTransaction {
  const shown = ({ fence, newestFence, members, ...attempt }: StoredAttempt) => attempt
  return { id, network, wallet, nonce, attempts: attempts.map(shown), createdAt }
}
