import { AppError } from '@/lib/core/errors'
import type { Mode } from '@/lib/core/plans'
import { findNetwork } from '@/lib/networks/find-network'
import type { PaymentRequest } from './payment-request'

/**
 * Settles nothing yet: after everything that is a caller's mistake it says that settlement is not available.
 *
 * @throws AppError `mode_mismatch`, `settlement_unavailable`
 */
export function settlePayment({ mode, request }: { mode: Mode; request: PaymentRequest }): never {
  const version = request.paymentPayload.x402Version ?? request.x402Version
  const network = findNetwork(version === 1 ? 1 : 2, request.paymentRequirements.network ?? '')
  if (network && network.mode !== mode) throw new AppError('mode_mismatch')
  throw new AppError('settlement_unavailable', { retryAfterSeconds: 60 })
}
