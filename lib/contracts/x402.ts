import { z } from 'zod'
import { parser } from './parser'

// The envelope of /verify and /settle: which fields there are and of which JSON type. Their content is judged by the
// payment methods, for what is wrong there is a verdict and not a caller's mistake. Unknown fields pass, nulls count
// as missing.

const text = z.string().nullish()

const Requirements = z.looseObject({
  scheme: text,
  network: text,
  amount: text,
  maxAmountRequired: text,
  asset: text,
  payTo: text,
  resource: text,
  description: text,
  mimeType: text,
  maxTimeoutSeconds: z.number().nullish(),
  extra: z.looseObject({ name: text, version: text }).nullish(),
})

const Authorization = z.looseObject({
  from: text,
  to: text,
  value: text,
  validAfter: text,
  validBefore: text,
  nonce: text,
})

const Payload = z.looseObject({
  x402Version: z.number().nullish(),
  scheme: text,
  network: text,
  resource: z.looseObject({ url: text }).nullish(),
  accepted: Requirements.nullish(),
  payload: z
    .looseObject({
      signature: text,
      authorization: Authorization.nullish(),
      permit2Authorization: z.looseObject({}).nullish(),
    })
    .nullish(),
})

/** Body of POST /verify and POST /settle, x402 v1 and v2 (x402 specification v2, section 7). */
export const paymentBody = parser(
  z.looseObject({
    x402Version: z.number().nullish(),
    paymentPayload: Payload,
    paymentRequirements: Requirements,
    /** Ours, of /settle: answered when it is mined (the default), or when its block is final. */
    waitUntil: z.enum(['mined', 'final'], { error: 'Send mined or final' }).nullish(),
  }),
)

/** Answer of POST /verify. */
export const VerifyResponse = z.looseObject({
  isValid: z.boolean(),
  invalidReason: z.string().optional(),
  invalidMessage: z.string().optional(),
  payer: z.string().optional(),
})

/** Answer of POST /settle; `transaction` is empty when nothing was broadcast. */
export const SettleResponse = z.looseObject({
  success: z.boolean(),
  errorReason: z.string().optional(),
  errorMessage: z.string().optional(),
  transaction: z.string(),
  network: z.string(),
  payer: z.string().optional(),
  amount: z.string().optional(),
  /** The specification's free slot: what to do next, for programs. */
  extra: z
    .object({
      paymentState: z.enum(['unused', 'in_flight', 'settled', 'unknown']),
      retryable: z.boolean(),
      retryAction: z.enum(['resign', 'retry_same_payment', 'poll', 'wait_and_retry', 'abandon', 'contact_seller']),
      settlementId: z.string().optional(),
      statusUrl: z.string().optional(),
      authorizationExpiresAt: z.string().optional(),
    })
    .optional(),
})

/** Answer of GET /supported. */
export const SupportedResponse = z.object({
  kinds: z.array(
    z.object({ x402Version: z.union([z.literal(1), z.literal(2)]), scheme: z.string(), network: z.string() }),
  ),
  extensions: z.array(z.string()),
  signers: z.record(z.string(), z.array(z.string())),
})

type Verdict =
  | { valid: true; payer: string }
  | { valid: false; reason: string; message: string; payer?: string | undefined }

/** A verdict as the protocol writes it (x402 v2, 7.1: VerifyResponse). */
export function toVerifyResponse(verdict: Verdict): z.infer<typeof VerifyResponse> {
  if (verdict.valid) return { isValid: true, payer: verdict.payer }
  const { reason, message, payer } = verdict
  return { isValid: false, invalidReason: reason, invalidMessage: message, ...(payer !== undefined && { payer }) }
}

/** What every answer of /verify that is not 200 carries beside the envelope: official clients then keep the reason. */
export function verifyErrorShape(code: string, message: string): z.infer<typeof VerifyResponse> {
  return { isValid: false, invalidReason: code, invalidMessage: message }
}

/** The same for /settle; where nothing was sent and nothing will be, it says so in the words of a settlement. */
export function settleErrorShape(code: string, message: string): z.infer<typeof SettleResponse> {
  const base = { success: false, errorReason: code, errorMessage: message, transaction: '', network: '' }
  const retryAction = NOTHING_SENT.get(code)
  if (!retryAction) return base
  return { ...base, extra: { paymentState: 'unused', retryable: retryAction !== 'abandon', retryAction } }
}

const NOTHING_SENT: ReadonlyMap<string, 'wait_and_retry' | 'abandon'> = new Map([
  ['settlement_unavailable', 'wait_and_retry'],
  ['network_paused', 'wait_and_retry'],
  ['gas_budget_exceeded', 'wait_and_retry'],
  // The seller's to mend, and no time of the buyer's helps.
  ['quota_exceeded', 'abandon'],
])
