import type { Hex } from '@/lib/core/hex'
import type { Id } from '@/lib/core/ids'
import type { GasShare, LedgerEntry } from './ledger'
import type { SettlementRefusal } from './reasons'
import type { MinedTransfer, Settlement, SettlementId } from './settlement'
import type { SignedTransaction } from './signer'

export type TransactionId = Id<'transaction'>

/** A wallet that this process may sign with, for a while. A write that bears an older fence is refused. */
export type Lease = { network: string; wallet: Hex; owner: string; fence: bigint }

/** What waits to be signed. `isAlone`: it must not share a transaction. */
export type Ready = Settlement & { isAlone: boolean }

/** A payment that passed its last simulation, with the balance its payer had there. */
export type Candidate = { row: Ready; balance: bigint }

export type Attempt = SignedTransaction & {
  kind: 'settle' | 'cancel'
  gas: bigint
  maxFeeWei: bigint
  tipWei: bigint
  createdAt: Date
}

export type NewAttempt = Omit<Attempt, 'createdAt'>

/** A settlement that was signed in a transaction. */
export type Member = Settlement & {
  /** How many nonces it has entered. */
  entered: number
}

/** One nonce of a wallet, and the signed bytes that compete for it, oldest first. */
export type OpenTransaction = {
  id: TransactionId
  network: string
  wallet: Hex
  nonce: bigint
  attempts: readonly Attempt[]
  createdAt: Date
}

export type SignInput = {
  lease: Lease
  /** The balances were read at this block. */
  block: bigint
  candidates: readonly Candidate[]
  /** Signs for those that can still be taken, and must not be called twice. */
  build(rows: readonly Ready[], nonce: bigint): Promise<NewAttempt>
}

/** `waiting`: other transactions in flight hold their payer's money. `gone`: their rows have changed. */
export type SignResult = {
  transaction: OpenTransaction | null
  signed: readonly Ready[]
  waiting: readonly Ready[]
  gone: readonly Ready[]
}

/** What became of a settlement when the nonce it had entered was decided. */
export type MemberOutcome =
  | { kind: 'mined'; position: number }
  | { kind: 'other'; transfer: MinedTransfer }
  | { kind: 'failed'; refusal: SettlementRefusal }
  /** To be signed again, under another nonce. */
  | { kind: 'again'; isAlone: boolean }

export type Decision = {
  transaction: OpenTransaction
  mined: {
    /** Null: the nonce was taken by a transaction that is not ours. */
    hash: Hex | null
    blockNumber: bigint
    blockHash: Hex
    succeeded: boolean
    feeWei: bigint
  }
  outcomes: readonly { row: Member; outcome: MemberOutcome; gasWei: bigint }[]
  entries: readonly LedgerEntry[]
  shares: readonly (GasShare & { payer: Hex; mode: string })[]
}

/** A block that carries transactions which are not final yet. */
export type Unfinal = { transactionId: TransactionId; blockNumber: bigint; blockHash: Hex }

/** The settlements as the worker needs them. Every change is a compare-and-set with its event in the same transaction. */
export type SettlerStore = {
  registerWallet(network: string, wallet: Hex, chainNonce: bigint): Promise<void>
  /** Takes or keeps a wallet for this owner; null while another has it. */
  lease(network: string, wallet: Hex, owner: string): Promise<Lease | null>
  release(lease: Lease): Promise<void>

  /** Takes for some seconds what waits on a network, oldest first. */
  takeReady(network: string, most: number): Promise<Ready[]>
  /** Gives back what was taken, to be taken again after so many milliseconds. */
  putBack(ids: readonly SettlementId[], afterMs: number): Promise<void>
  /** Frees the keys of rows that were never signed. Rows that were stay failed, and are watched. */
  refuse(row: Settlement, refusal: SettlementRefusal): Promise<boolean>
  /** Reserves the payers' money, allocates the nonce and stores hash and bytes: one transaction, or nothing. */
  sign(input: SignInput): Promise<SignResult>

  /** The open ones of a wallet by nonce; in full only those that are not known already. */
  openTransactions(
    network: string,
    wallet: Hex,
    known: ReadonlyMap<TransactionId, OpenTransaction>,
  ): Promise<OpenTransaction[]>
  /** Bytes that compete for the same nonce, with the same members. */
  addAttempt(lease: Lease, transaction: OpenTransaction, attempt: NewAttempt): Promise<OpenTransaction>
  /** Those that no transaction has paid yet. */
  membersOf(transactionId: TransactionId): Promise<Member[]>
  /** False: another process decided it already. */
  decide(decision: Decision): Promise<boolean>

  /** A transaction that is not this row's open one has paid: somebody else's, or an earlier one of ours. */
  preempt(row: Settlement, transfer: MinedTransfer, entries: readonly LedgerEntry[]): Promise<boolean>
  /** The authorization can never be used any more. */
  expire(row: Settlement): Promise<boolean>
  /** Failed and expired-looking rows whose authorization may still be used. */
  watched(network: string, most: number): Promise<Settlement[]>
  /** Failed rows whose authorization was unused at this final block: nobody has to search before it any more. */
  seenUnused(ids: readonly SettlementId[], block: bigint): Promise<void>
  /** Frees rows that nobody signed in time; how many. */
  releaseOverdue(network: string): Promise<number>

  /** Decided transactions whose block is not final, oldest block first. */
  unfinal(network: string, most: number): Promise<Unfinal[]>
  /** Of these only those that are still decided in that very block. */
  finalize(decided: readonly Unfinal[]): Promise<number>
  /** That block is gone: the ledger is reversed, the transfers are free, the transaction is open again. */
  reopen(decided: Unfinal): Promise<void>
  /** Settlements by others whose block is not final; with a block, all of them from that one on. */
  unfinalOthers(network: string, most: number, fromBlock?: bigint): Promise<Settlement[]>
  finalizeOther(row: Settlement): Promise<boolean>
  reopenOther(row: Settlement): Promise<boolean>
  /** Decided transactions of a wallet from a nonce on: what a chain that fell back has lost. */
  decidedFrom(network: string, wallet: Hex, nonce: bigint): Promise<Unfinal[]>

  /** Wei a wallet spent within the hour. */
  spentThisHour(network: string, wallet: Hex): Promise<bigint>
  /** Stuck: nonces open for longer than so many seconds, as `wallet:nonce`, whoever has the wallet's key. */
  queueState(network: string, stuckSeconds: number): Promise<QueueState>
  report(network: string, report: NetworkReport): Promise<void>
}

type QueueState = {
  waiting: number
  oldestSeconds: number
  open: number
  oldestOpenSeconds: number
  stuckNonces: string[]
}

/** What the worker says of a network. `problem` is null while it can settle there. */
export type NetworkReport = {
  problem: string | null
  wallets: readonly {
    address: Hex
    balanceWei: string
    settlementsLeft: number | null
    isLow: boolean
    spentThisHourWei: string
  }[]
  queue: { waiting: number; oldestSeconds: number }
  open: { transactions: number; oldestSeconds: number }
  stuckNonces: readonly string[]
  /** Those of wallets whose key the worker does not have: nobody sends them again, and none of them is decided. */
  unattended: readonly string[]
}
