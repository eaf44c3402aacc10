import type { ListPosition } from '@/lib/core/list-cursor'
import type { Mode } from '@/lib/core/plans'
import type { SettlementState } from '@/lib/core/settlement-states'
import type { Binding } from './settlement'

/** Whose settlements: the first argument of every read. */
export type SettlementOwner = Pick<Binding, 'tenantId' | 'mode'>

export type SettlementFilters = {
  /** Any hash ever broadcast for a settlement, and the one that paid it. */
  transaction?: string | undefined
  payer?: string | undefined
  payTo?: string | undefined
  nonce?: string | undefined
  network?: string | undefined
  resource?: string | undefined
  paymentIdentifier?: string | undefined
  /** Success was answered. */
  granted?: boolean | undefined
  /** Undefined: all of them. */
  states?: readonly SettlementState[] | undefined
}

export type SettlementPage = {
  filters: SettlementFilters
  from: Date | null
  to: Date | null
  /** The last row of the page before. */
  before: ListPosition | null
  limit: number
}

/** A row as the database has it; big numbers as text. */
export type SettlementRecord = {
  id: string
  mode: Mode
  key_id: string
  request_id: string
  x402_version: number
  network: string
  asset: string
  payer: string
  pay_to: string
  amount: string
  nonce: string
  valid_before: string
  resource: string | null
  payment_identifier: string | null
  state: SettlementState
  version: number
  reason: string | null
  message: string | null
  transaction_hash: string | null
  position: number | null
  block_number: string | null
  granted_at: Date | null
  released_at: Date | null
  created_at: Date
  settled_at: Date | null
}

export type SettlementLook = Pick<SettlementRecord, 'version' | 'state' | 'reason' | 'released_at'>

export type SettlementEventRecord = {
  state: SettlementState
  transition: string
  at: Date
  transaction_hash: string | null
  block_number: string | null
  reason: string | null
}

/** `network` is null in the row over all tokens, `bucket` in the two kinds of totals. */
export type PaymentSums = {
  network: string | null
  asset: string | null
  bucket: Date | null
  count: number
  pending: number
  settled: number
  failed: number
  /** Atomic units of the settled ones; meaningless over all tokens. */
  volume: string
  unique_payers: number
}

type StatsSpan = { from: Date; to: Date; step: 'hour' | 'day' }

/** Which states are counted as what. */
type CountedStates = Readonly<Record<'pending' | 'settled' | 'failed', readonly SettlementState[]>>

/** Reads the settlements of one tenant and mode. Every call throws `database_unavailable` when it cannot be made. */
export type SettlementReader = {
  /** Newest first. */
  list(owner: SettlementOwner, page: SettlementPage): Promise<SettlementRecord[]>
  find(owner: SettlementOwner, id: string): Promise<SettlementRecord | null>
  /** With every change of state, oldest first, as of one moment. */
  findWithHistory(
    owner: SettlementOwner,
    id: string,
  ): Promise<{ row: SettlementRecord; history: SettlementEventRecord[] } | null>
  /** The row's version and what decides whether anybody still waits for it. */
  look(owner: SettlementOwner, id: string): Promise<SettlementLook | null>
  /** By token and by token and time, from one reading. */
  sums(owner: SettlementOwner, span: StatsSpan, counted: CountedStates): Promise<PaymentSums[]>
}
