import { describe, expect, it } from 'vitest'
import type { AppError } from '@/lib/core/errors'
import type { Mode } from '@/lib/core/plans'
import { settlePayment } from '@/lib/payments/settle-payment'

function codeOf(mode: Mode, x402Version: number, network: string | null): string {
  try {
    return settlePayment({ mode, request: { paymentPayload: { x402Version }, paymentRequirements: { network } } })
  } catch (error) {
    return (error as AppError).code
  }
}

describe('settlePayment', () => {
  it.each([
    ['test', 2, 'eip155:84532'],
    ['test', 1, 'base-sepolia'],
    ['live', 2, 'eip155:8453'],
    ['live', 2, 'eip155:5'],
    ['live', 2, null],
  ] as const)('a %s key with v%s on %s learns that settlement is not available', (mode, version, network) => {
    expect(codeOf(mode, version, network)).toBe('settlement_unavailable')
  })

  it.each([
    ['test', 2, 'eip155:8453'],
    ['test', 1, 'base'],
    ['live', 1, 'base-sepolia'],
  ] as const)('a %s key with v%s on %s is told first that the mode does not fit', (mode, version, network) => {
    expect(codeOf(mode, version, network)).toBe('mode_mismatch')
  })
})
