import { z } from 'zod'
import { count, list, mode, time } from './answers'

// The answers of the routes under /settlements and /payments, as answers.ts has those of the others.

const token = { network: z.string(), asset: z.string(), symbol: z.string().nullable() }
const paymentStatus = z.enum(['pending', 'verified', 'settled', 'failed'])

const settlement = z.strictObject({
  id: z.string(),
  mode,
  state: z.string(),
  status: paymentStatus,
  x402Version: z.number(),
  ...token,
  amount: z.string(),
  amountTokens: z.string().nullable(),
  payer: z.string(),
  payTo: z.string(),
  nonce: z.string(),
  validBefore: time,
  resource: z.string().nullable(),
  paymentIdentifier: z.string().nullable(),
  transaction: z.string().nullable(),
  blockNumber: z.string().nullable(),
  position: count.nullable(),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  released: z.boolean(),
  granted: z.boolean(),
  grantedAt: time.nullable(),
  createdAt: time,
  settledAt: time.nullable(),
  keyId: z.string(),
  requestId: z.string(),
})

export const SettlementsAnswer = list(settlement)
export const SettlementAnswer = settlement.extend({
  history: z.array(
    z.strictObject({
      state: z.string(),
      transition: z.string(),
      at: time,
      transaction: z.string().nullable(),
      blockNumber: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
})

export const PaymentAnswer = z.strictObject({
  id: z.string(),
  mode,
  status: paymentStatus,
  ...token,
  amount: z.string(),
  amountTokens: z.string().nullable(),
  payer: z.string(),
  payTo: z.string(),
  endpoint: z.string().nullable(),
  transaction: z.string().nullable(),
  errorReason: z.string().nullable(),
  verifiedAt: time,
  settledAt: time.nullable(),
})
export const PaymentsAnswer = list(PaymentAnswer)

const paymentCounts = { count, pending: count, settled: count, failed: count }
const tokenVolume = { ...token, volume: z.string(), volumeTokens: z.string().nullable() }

export const PaymentStatsAnswer = z.strictObject({
  period: z.strictObject({
    name: z.enum(['day', 'week', 'month']),
    from: time,
    to: time,
    step: z.enum(['hour', 'day']),
  }),
  totals: z.strictObject({ ...paymentCounts, uniquePayers: count }),
  tokens: z.array(z.strictObject({ ...tokenVolume, ...paymentCounts, uniquePayers: count })),
  series: z.array(z.strictObject({ at: time, ...paymentCounts, volumes: z.array(z.strictObject(tokenVolume)) })),
})
