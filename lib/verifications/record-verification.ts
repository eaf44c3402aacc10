import { cleanResource } from '@/lib/core/clean-resource'
import { toAppError } from '@/lib/core/errors'
import { type Id, newId, type TenantId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import type { Log, LogEntry, Outcome } from './log-entry'

/** A verdict as far as the log needs to know it; the payments domain's has this shape. */
type Verdict = { valid: true } | { valid: false; reason: string }
type Facts = {
  x402Version: number | null
  network: { id: string } | null
  block: bigint | null
  record: {
    payer: string
    payTo: string
    amount: bigint
    nonce: string
    asset: { address: string } | null
  } | null
}

export type RecordVerificationDeps = {
  log: Log
  /** Microseconds of a monotonic clock. */
  microseconds(): number
}

export type Attempt = {
  tenantId: TenantId
  mode: Mode
  keyId: Id<'apiKey'>
  requestId: string
  startedAt: number
  retentionDays: number
  periodStartMs: number
  resource: string | null
  /** The body as it came, as JSON text. */
  request: string
}

/**
 * Judges a payment, which fills in the facts, and puts the outcome into the log, whatever it is: also a failure of ours, which is then thrown on.
 * A caller's mistake (4xx) is no attempt and leaves no row.
 */
export async function recordVerification<V extends Verdict>(
  deps: RecordVerificationDeps,
  attempt: Attempt,
  facts: Readonly<Facts>,
  judge: () => Promise<V>,
): Promise<V> {
  const begunUs = deps.microseconds()
  const record = (outcome: Outcome, reason: string | null) =>
    deps.log.append(toEntry(attempt, facts, outcome, reason, deps.microseconds() - begunUs))
  try {
    const verdict = await judge()
    record(verdict.valid ? 'valid' : 'invalid', verdict.valid ? null : verdict.reason)
    return verdict
  } catch (error) {
    const { status, code } = toAppError(error)
    if (status >= 500) record('error', code)
    throw error
  }
}

function toEntry(
  attempt: Attempt,
  facts: Readonly<Facts>,
  outcome: Outcome,
  reason: string | null,
  durationUs: number,
): LogEntry {
  const { tenantId, mode, keyId, requestId, startedAt, retentionDays, periodStartMs } = attempt
  const { record } = facts
  return {
    id: newId('verification', startedAt),
    tenantId,
    mode,
    keyId,
    requestId,
    atMs: startedAt,
    retentionDays,
    periodStartMs,
    outcome,
    reason,
    x402Version: facts.x402Version,
    network: facts.network?.id ?? null,
    asset: record?.asset?.address.toLowerCase() ?? null,
    payer: record?.payer ?? null,
    payTo: record?.payTo ?? null,
    amount: record?.amount ?? null,
    nonce: record?.nonce ?? null,
    resource: cleanResource(attempt.resource),
    block: facts.block,
    durationUs: Math.round(durationUs),
    request: attempt.request,
  }
}
