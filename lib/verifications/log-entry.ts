import type { Id, TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'

export const OUTCOMES = ['valid', 'invalid', 'error'] as const
/** `error`: there was no verdict, for the failure was ours; it costs nothing. */
export type Outcome = (typeof OUTCOMES)[number]

/** One row of the log as it is written. */
export type LogEntry = {
  id: Id<'verification'>
  tenantId: TenantId
  mode: Mode
  keyId: Id<'apiKey'>
  requestId: string
  atMs: number
  retentionDays: number
  /** The period whose quota the unit was taken from. */
  periodStartMs: number
  outcome: Outcome
  /** The reason of a refusal, or the code of an error; null when valid. */
  reason: string | null
  x402Version: number | null
  /** CAIP-2, or null for a network we do not know. */
  network: string | null
  /** Address of a listed token, in lower case, or null. */
  asset: string | null
  payer: string | null
  payTo: string | null
  amount: bigint | null
  nonce: string | null
  resource: string | null
  block: bigint | null
  durationUs: number
  /** The body as it came, as JSON text. */
  request: string
}

/** Where entries go: at once into memory, and within 250 ms into the database. Never awaited by a request. */
export type Log = { append(entry: LogEntry): void }
