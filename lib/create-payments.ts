import type { createPostgres } from '@/lib/adapters/postgres/create-postgres'
import type { CallerRecord } from '@/lib/api-keys/caller-record'
import { toVerifyResponse } from '@/lib/contracts/x402'
import { PLANS } from '@/lib/core/plans'
import { createSettlements } from '@/lib/create-settlements'
import type { Env } from '@/lib/env'
import type { Context, Reply } from '@/lib/http/endpoint'
import { type PaymentRequest, resourceOf } from '@/lib/payments/payment-request'
import { unknownFacts, type VerifyPaymentDeps, verifyPayment } from '@/lib/payments/verify-payment'
import { currentPeriod } from '@/lib/usage/limits'
import { recordVerification } from '@/lib/verifications/record-verification'

type Deps = {
  settings: Env
  publicUrl: string
  postgres: Pick<ReturnType<typeof createPostgres>, 'pool' | 'log' | 'verifications'>
  payments: VerifyPaymentDeps
  onProblem(message: string, cause: unknown): void
}
type PaymentContext = Context<CallerRecord, PaymentRequest, unknown>

const microseconds = () => performance.now() * 1_000

/** The part of the services that takes payments: it verifies them, and has them settled. */
export function createPayments({ postgres, ...deps }: Deps) {
  const settlements = createSettlements({ ...deps, pool: postgres.pool, verifications: postgres.verifications })
  return {
    ...settlements,
    async verify(context: PaymentContext): Promise<Reply> {
      const { caller, body } = context
      const facts = unknownFacts()
      const judge = () => verifyPayment(deps.payments, { mode: caller.mode, request: body }, facts)
      const verdict = await recordVerification({ log: postgres.log, microseconds }, toAttempt(context), facts, () =>
        settlements.orOwnSettlement(caller, body, judge),
      )
      return { body: toVerifyResponse(verdict), isVerdict: true }
    },
  }
}

function toAttempt({ caller, body, bodyText, requestId, startedAt }: PaymentContext) {
  return {
    tenantId: caller.tenantId,
    mode: caller.mode,
    keyId: caller.keyId,
    requestId,
    startedAt,
    retentionDays: PLANS[caller.plan].logRetentionDays,
    periodStartMs: currentPeriod(caller, startedAt).start.getTime(),
    resource: resourceOf(body),
    request: bodyText,
  }
}
