import type { Hex } from '@/lib/core/hex'
import type { LedgerEntry } from '@/lib/settlements/ledger'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'

type TransferKey = { transactionHash: Hex; position: number }

/** A row with everything the database knows of it, read at one moment. */
export type SettlementFacts = {
  settlement: Settlement
  /** As the row has them, each by itself. */
  position: number | null
  blockNumber: bigint | null
  blockHash: Hex | null
  used: TransferKey | null
  /** Another settlement that has used the transfer which this row names. */
  rival: string | null
  entries: readonly LedgerEntry[]
  /** In the order of their versions. */
  events: readonly { version: number; state: string; at: Date }[]
  /** Hashes of the attempts it is a member of. */
  attempts: readonly Hex[]
}

/** A payment inside an attempt; null where its settlement is gone. */
export type MemberFacts = {
  settlementId: SettlementId
  row: { tenantId: string; asset: Hex; payer: Hex; nonce: Hex } | null
}

export type TransactionFacts = {
  id: string
  wallet: Hex
  nonce: bigint
  isOpen: boolean
  minedHash: Hex | null
  blockNumber: bigint | null
  blockHash: Hex | null
  succeeded: boolean | null
  feeWei: bigint | null
  createdAt: Date
  attempts: readonly { hash: Hex; kind: string; members: readonly MemberFacts[] }[]
  /** Entries of gas under any of its hashes. */
  gas: readonly LedgerEntry[]
  /** Positions of the mined one's transfers that settlements have used. */
  usedPositions: readonly number[]
}

/** Traces of settlements that are not there: by whom an id is named. */
export type MissingRow = { settlementId: string; used: boolean; ledger: boolean; member: boolean; hasEvents: boolean }

export type Span = { from: Date | null; to: Date | null }

/** One page of rows after an id, or the rows of some ids. */
export type PageOf = { afterId: string; limit: number; span: Span } | { ids: readonly string[] }

/** What reconciliation reads from the database. Reads only; every page is of one moment. */
export type ReconcileStore = {
  /** Networks of which there are rows. */
  networks(): Promise<string[]>
  count(network: string, span: Span): Promise<{ settlements: number; transactions: number }>
  settlements(network: string, page: PageOf): Promise<SettlementFacts[]>
  transactions(network: string, page: PageOf): Promise<TransactionFacts[]>
  missingRows(network: string): Promise<MissingRow[]>
  /** Entries of a transfer that name no settlement, and entries of gas of no transaction of ours, by their hashes. */
  strayEntries(network: string): Promise<{ transactionHash: string; isGas: boolean; accounts: string[] }[]>
  /** Sums of the ledger that are not zero. */
  unbalanced(network: string): Promise<{ asset: string; sum: bigint }[]>
  /** Payers with money in flight who have nothing under way, or less than nothing in flight. */
  idleFlights(network: string): Promise<{ asset: string; payer: string; inFlight: bigint }[]>
  wallets(network: string): Promise<{ address: Hex; nextNonce: bigint }[]>
  /** Nonces from one on that the wallet has a transaction for. */
  noncesFrom(network: string, wallet: Hex, nonce: bigint): Promise<bigint[]>
}
