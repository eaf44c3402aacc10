import type { Hex } from '@/lib/core/hex'
import { TRANSITIONS } from '@/lib/core/settlement-states'
import type { LedgerEntry } from '@/lib/settlements/ledger'
import type { MinedTransfer, Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Decision, Unfinal } from '@/lib/settlements/settler-store'
import { fly, holderOf, type Row, type StoredEntry, type StoredTransaction, type Tables } from './tables'

type Outcome = Decision['outcomes'][number]
const FAR_MS = 253_402_300_799_000

/** What a mined transaction was, once. */
export function decide(tables: Tables, decision: Decision): boolean {
  const { mined, outcomes } = decision
  const transaction = tables.transactions.get(decision.transaction.id) as StoredTransaction
  if (transaction.state !== 'open' && !tables.has('decides_twice')) return false
  const { hash: minedHash, blockNumber, blockHash, feeWei } = mined
  Object.assign(transaction, { state: 'decided', minedHash, blockNumber, blockHash, feeWei })
  const paid = new Set<SettlementId>()
  for (const one of outcomes) if (settle(tables, transaction, decision, one)) paid.add(one.row.id)
  land(tables, transaction, decision)
  const posted = decision.entries.filter(({ settlementId }) => settlementId === null || paid.has(settlementId))
  post(tables, posted)
  const scope = `wallet/${transaction.network}/${transaction.wallet}`
  tables.spent.set(scope, (tables.spent.get(scope) ?? 0n) + feeWei)
  for (const { row } of outcomes) tables.onChanged(row.id)
  return true
}

function settle(tables: Tables, transaction: StoredTransaction, { mined }: Decision, one: Outcome): boolean {
  const { outcome, gasWei } = one
  const row = tables.rows.get(one.row.id) as Row
  if (outcome.kind === 'mined') {
    const { hash, blockNumber, blockHash } = mined
    const transactionHash = hash as Hex
    return pay(tables, 'mine', row, { transactionHash, blockNumber, blockHash, position: outcome.position }, gasWei)
  }
  if (outcome.kind === 'other' && payFound(tables, row, outcome.transfer, gasWei)) return true
  // One that entered another nonce since is decided there.
  if (row.transactionId === transaction.id) leaveUnpaid(tables, row, outcome)
  return false
}

function leaveUnpaid(tables: Tables, row: Row, outcome: Outcome['outcome']): void {
  if (outcome.kind === 'again') {
    if (row.state !== 'broadcast') return
    waitAgain(row)
    Object.assign(row, { isAlone: row.isAlone || outcome.isAlone, updatedAtMs: tables.now() })
  } else if (row.state === 'broadcast' || row.state === 'failed') {
    const refusal = outcome.kind === 'failed' ? outcome.refusal : { reason: 'invalid_exact_evm_nonce_already_used' }
    tables.change(row, 'fail', 'failed', { isReady: false, takenUntilMs: null, ...refusal })
  }
}

function waitAgain(row: Row): void {
  const endMs = Number(row.validBefore) * 1_000
  Object.assign(row, { isReady: true, takenUntilMs: null, deadlineMs: Math.min(endMs, FAR_MS) })
}

/** A transfer found by its logs: by a transaction of ours it is mined, whoever found it. */
function payFound(tables: Tables, row: Row, transfer: MinedTransfer, gasWei: bigint): boolean {
  const own = tables.has('calls_own_transfer_anothers') ? undefined : tables.byHash.get(transfer.transactionHash)
  if (own && own.blockHash !== transfer.blockHash) return false
  return pay(tables, own ? 'mine' : 'preempt', row, transfer, gasWei)
}

/** A payment found outside a decision. */
export function payOne(
  tables: Tables,
  { id }: Settlement,
  { transfer, entries }: { transfer: MinedTransfer; entries: readonly LedgerEntry[] },
): boolean {
  const row = tables.rows.get(id) as Row
  if (!payFound(tables, row, transfer, 0n)) return false
  post(tables, entries)
  return true
}

function pay(tables: Tables, transition: 'mine' | 'preempt', row: Row, mined: MinedTransfer, gasWei: bigint): boolean {
  const { from, to } = TRANSITIONS[transition]
  const key = `${row.network}/${mined.transactionHash}/${mined.position}`
  if (!(from as readonly string[]).includes(row.state)) return false
  if (row.releasedAt !== null && !tables.has('pays_released')) return false
  if (tables.usedTransfers.has(key) || [...tables.usedTransfers.values()].includes(row.id)) return false
  tables.usedTransfers.set(key, row.id)
  const { transactionHash, position, blockNumber, blockHash } = mined
  tables.change(row, transition, to, {
    ...{ isReady: false, takenUntilMs: null, reason: null, message: null, transactionHash },
    mined: { transactionHash, position, blockNumber, blockHash },
    settledAt: row.settledAt ?? new Date(tables.now()),
    gasWei: row.gasWei + gasWei,
    transactionId: tables.byHash.get(transactionHash)?.id ?? row.transactionId,
  })
  return true
}

/** The money of all its members is in flight no more: it arrived, or it never left. */
function land(tables: Tables, transaction: StoredTransaction, { mined }: Decision): void {
  for (const id of membersOf(transaction)) {
    const row = tables.rows.get(id) as Row
    fly(tables, row, -row.amount)
    const flight = tables.flights.get(holderOf(row))
    if (flight && flight.decidedBlock < mined.blockNumber) flight.decidedBlock = mined.blockNumber
  }
}

function membersOf({ attempts }: StoredTransaction): Set<SettlementId> {
  return new Set(attempts.flatMap(({ members }) => members))
}

function post(tables: Tables, entries: readonly LedgerEntry[]): void {
  for (const entry of entries) {
    const isSame = (one: StoredEntry) => isSameLine(one, entry)
    const turn = tables.ledger.filter((one) => one.kind === 'reverse' && isSame(one)).length
    if (tables.ledger.some((one) => one.kind === 'post' && one.turn === turn && isSame(one))) continue
    tables.ledger.push({ ...entry, kind: 'post', turn })
  }
}

function isSameLine(a: LedgerEntry, b: LedgerEntry): boolean {
  const isSamePlace = a.transactionHash === b.transactionHash && a.position === b.position
  return isSamePlace && a.blockHash === b.blockHash && a.account === b.account
}

/** The block of a decision is gone. */
export function reopen(tables: Tables, { transactionId, blockHash }: Unfinal): void {
  const transaction = tables.transactions.get(transactionId)
  if (transaction?.state !== 'decided') return
  if (transaction.blockHash !== blockHash) return
  const { minedHash } = transaction
  const isOf = (entry: StoredEntry) => entry.transactionHash === minedHash && entry.blockHash === transaction.blockHash
  reverse(tables, isOf)
  for (const key of [...tables.usedTransfers.keys()]) {
    if (key.startsWith(`${transaction.network}/${minedHash}/`)) tables.usedTransfers.delete(key)
  }
  const paid = [...tables.rows.values()].filter(
    (row) => row.transactionId === transactionId && row.transactionHash === minedHash && row.mined !== null,
  )
  for (const row of paid) rewind(tables, row, minedHash as Row['transactionHash'])
  Object.assign(transaction, { state: 'open', minedHash: null, blockNumber: null, blockHash: null, isFinal: false })
  for (const id of membersOf(transaction)) {
    const row = tables.rows.get(id) as Row
    fly(tables, row, row.amount)
  }
  const scope = `wallet/${transaction.network}/${transaction.wallet}`
  tables.spent.set(scope, (tables.spent.get(scope) ?? 0n) - transaction.feeWei)
}

/** The same for one that somebody else's transaction had paid. */
export function reopenOther(tables: Tables, { id, version }: Settlement): boolean {
  const row = tables.rows.get(id)
  if (!tables.isUnchanged(row, version) || row.state !== 'settled_by_other' || !row.mined) return false
  const { transactionHash, blockHash } = row.mined
  const isOf = (entry: StoredEntry) => entry.transactionHash === transactionHash && entry.blockHash === blockHash
  reverse(tables, (entry) => isOf(entry) && entry.settlementId === id)
  for (const [key, owner] of tables.usedTransfers) if (owner === id) tables.usedTransfers.delete(key)
  rewind(tables, row, row.transactionHash)
  const own = row.transactionId === null ? undefined : tables.transactions.get(row.transactionId)
  if (own?.state !== 'open') waitAgain(row)
  return true
}

function reverse(tables: Tables, isOf: (entry: StoredEntry) => boolean): void {
  if (tables.has('keeps_ledger_on_reorg')) return
  for (const entry of tables.ledger.filter((one) => one.kind === 'post' && isOf(one))) {
    const isTaken = (one: StoredEntry) => one.kind === 'reverse' && one.turn === entry.turn && isSameLine(one, entry)
    if (!tables.ledger.some(isTaken)) tables.ledger.push({ ...entry, kind: 'reverse', amount: -entry.amount })
  }
}

function rewind(tables: Tables, row: Row, transactionHash: Row['transactionHash']): void {
  if (!(TRANSITIONS.reorg.from as readonly string[]).includes(row.state)) return
  tables.change(row, 'reorg', 'reorged')
  tables.change(row, 'resume', 'broadcast', { mined: null, settledAt: null, transactionHash })
}
