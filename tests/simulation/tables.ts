import type { SettlementState, TransitionName } from '@/lib/core/settlement-states'
import type { LedgerEntry } from '@/lib/settlements/ledger'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Attempt, TransactionId } from '@/lib/settlements/settler-store'

/** What a store can be made to do wrongly, to see that the simulation finds it. */
export type Flaw =
  | 'grants_twice'
  | 'claims_twice'
  | 'ignores_version'
  | 'ignores_fence'
  | 'ignores_flights'
  | 'forgets_nonce'
  | 'decides_twice'
  | 'keeps_ledger_on_reorg'
  | 'calls_own_transfer_anothers'
  | 'waits_for_deadline'
  | 'pays_released'

export type Row = { -readonly [Field in keyof Settlement]: Settlement[Field] } & {
  order: number
  paymentKey: string | null
  isMagic: boolean
  isReady: boolean
  isAlone: boolean
  takenUntilMs: number | null
  deadlineMs: number
  updatedAtMs: number
  transactionId: TransactionId | null
  gasWei: bigint
  grantedRequest: string | null
}

/** `newestFence`: the wallet's when it was written. */
export type StoredAttempt = Attempt & { fence: bigint; newestFence: bigint; members: SettlementId[] }

export type StoredTransaction = {
  id: TransactionId
  network: string
  wallet: `0x${string}`
  nonce: bigint
  state: 'open' | 'decided'
  minedHash: string | null
  blockNumber: bigint | null
  blockHash: `0x${string}` | null
  feeWei: bigint
  isFinal: boolean
  createdAt: Date
  attempts: StoredAttempt[]
}

export type StoredEvent = {
  id: SettlementId
  version: number
  transition: TransitionName
  state: SettlementState
  transactionHash: string | null
  /** Of the row before the change: what a reorganisation took back. */
  blockHash: string | null
}

export type StoredEntry = LedgerEntry & { kind: 'post' | 'reverse'; turn: number }
export type StoredWallet = { nextNonce: bigint; fence: bigint; owner: string | null; untilMs: number | null }

/** The tables of settlement, in memory. Whoever changes them does so between two awaits: that is a transaction. */
export class Tables {
  readonly rows = new Map<SettlementId, Row>()
  readonly byKey = new Map<string, Row>()
  readonly events: StoredEvent[] = []
  readonly wallets = new Map<string, StoredWallet>()
  readonly transactions = new Map<TransactionId, StoredTransaction>()
  readonly byHash = new Map<string, StoredTransaction>()
  readonly flights = new Map<string, { inFlight: bigint; decidedBlock: bigint }>()
  readonly usedTransfers = new Map<string, SettlementId>()
  readonly ledger: StoredEntry[] = []
  readonly spent = new Map<string, bigint>()
  readonly idempotencyKeys = new Map<string, { fingerprint: string; atMs: number }>()
  /** Ids that changed and networks with something queued, as LISTEN would hear them. */
  onChanged: (id: string) => void = () => undefined
  onQueued: (network: string) => void = () => undefined
  private order = 0

  constructor(
    readonly now: () => number,
    readonly flaws: ReadonlySet<Flaw> = new Set(),
  ) {}

  nextOrder(): number {
    return this.order++
  }

  has(flaw: Flaw): boolean {
    return this.flaws.has(flaw)
  }

  isUnchanged(row: Row | undefined, version: number): row is Row {
    return row !== undefined && (row.version === version || this.has('ignores_version'))
  }

  /** A change of state: version, event and notice go together. */
  change(row: Row, transition: TransitionName, state: SettlementState, set: Partial<Row> = {}): void {
    const { blockHash } = row.mined ?? { blockHash: null }
    const freed = 'paymentKey' in set && set.paymentKey === null && row.paymentKey !== null ? row.paymentKey : null
    Object.assign(row, { updatedAtMs: this.now(), ...set, state, version: row.version + 1 })
    if (freed) this.byKey.delete(freed)
    this.tell(row, transition, blockHash)
    this.onChanged(row.id)
  }

  tell({ id, version, state, transactionHash }: Row, transition: TransitionName, blockHash: string | null): void {
    this.events.push({ id, version, transition, state, transactionHash, blockHash })
  }

  open(): StoredTransaction[] {
    return [...this.transactions.values()].filter(({ state }) => state === 'open')
  }
}

/** A row as the domain sees it: a copy, for what was read does not change any more. */
export function toSettlement(row: Row): Settlement {
  return {
    id: row.id,
    tenantId: row.tenantId,
    mode: row.mode,
    x402Version: row.x402Version,
    network: row.network,
    asset: row.asset,
    payer: row.payer,
    payTo: row.payTo,
    amount: row.amount,
    nonce: row.nonce,
    validAfter: row.validAfter,
    validBefore: row.validBefore,
    callData: row.callData,
    requirementsHash: row.requirementsHash,
    state: row.state,
    version: row.version,
    reason: row.reason,
    message: row.message,
    seenUnusedBlock: row.seenUnusedBlock,
    releasedAt: row.releasedAt,
    transactionHash: row.transactionHash,
    mined: row.mined,
    isOtherFinal: row.isOtherFinal,
    grantedAt: row.grantedAt,
    grantKey: row.grantKey,
    createdAt: row.createdAt,
    settledAt: row.settledAt,
  }
}

export function holderOf({ network, asset, payer }: { network: string; asset: string; payer: string }): string {
  return `${network}/${asset}/${payer}`
}

/** Counts money of a payer as in flight, or, when it is negative, as landed. */
export function fly(tables: Tables, row: { network: string; asset: string; payer: string }, amount: bigint): void {
  const flight = tables.flights.get(holderOf(row)) ?? { inFlight: 0n, decidedBlock: 0n }
  const inFlight = flight.inFlight + amount
  tables.flights.set(holderOf(row), { ...flight, inFlight: inFlight > 0n ? inFlight : 0n })
}

/** Whether a row is in a transaction that is not decided. */
export function isInOpen(tables: Tables, { transactionId }: Row): boolean {
  return transactionId !== null && tables.transactions.get(transactionId)?.state === 'open'
}
