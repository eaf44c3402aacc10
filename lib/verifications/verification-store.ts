import type { TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { Outcome } from './log-entry'

/** Whose log: the first argument of every read. */
export type LogOwner = { tenantId: TenantId; mode: Mode }

export type VerificationFilters = {
  network?: string | undefined
  outcome?: Outcome | undefined
  reason?: string | undefined
  payer?: string | undefined
  keyId?: string | undefined
}

export type VerificationPage = {
  filters: VerificationFilters
  fromMs: number
  toMs: number
  /** The last row of the page before. */
  before: { atMs: number; id: string } | null
  limit: number
}

/** A row as the database has it; big numbers as text. */
export type VerificationRow = {
  at: Date
  id: string
  mode: Mode
  key_id: string
  request_id: string
  outcome: Outcome
  reason: string | null
  x402_version: number | null
  network: string | null
  asset: string | null
  payer: string | null
  pay_to: string | null
  amount: string | null
  nonce: string | null
  resource: string | null
  block: string | null
  duration_us: number
}

export type VerificationStore = {
  /** Newest first. */
  list(owner: LogOwner, page: VerificationPage): Promise<VerificationRow[]>
  /** When a payment was found valid within the last day, newest first: its authorization was unused at these blocks. */
  seenUnused(
    owner: LogOwner,
    payment: { network: string; asset: string; payer: string; payTo: string; amount: bigint; nonce: string },
  ): Promise<{ block: bigint; request: string }[]>
  /** With the request as it came, as JSON text. */
  find(owner: LogOwner, id: string, atMs: number): Promise<(VerificationRow & { request: string }) | null>
}
