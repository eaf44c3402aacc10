import { type Hex, isAddress, isBytes32, isHex, lowerHex } from '@/lib/core/hex'
import { parseAmount } from '@/lib/core/money'
import type { OpenInput } from '@/lib/payments/payment-method'
import type { AuthorizationInput, PaymentRequest, RequirementsInput } from '@/lib/payments/payment-request'
import { type Reason, type Refusal, refusal } from '@/lib/payments/verdict'
import type { Authorization, ExactEip3009Payment, Terms } from './payment'

/** Longer than any wallet's, and short enough for the gas that a call may use. */
const MAX_SIGNATURE = 2 + 2 * 4_096

/** Reads a payment out of a request, or says which field on which side is missing or badly formed. */
export function parseExactEip3009(input: OpenInput): ExactEip3009Payment | Refusal {
  const { x402Version, network, request } = input
  const { paymentPayload, paymentRequirements } = request
  try {
    const terms = parseTerms('paymentRequirements', x402Version, paymentRequirements, 'invalid_payment_requirements')
    const { name, version } = paymentRequirements.extra ?? {}
    const signed = parseSigned(paymentPayload.payload)
    return {
      x402Version,
      network,
      terms,
      domain: name && version ? { name, version } : null,
      accepted: parseAccepted(input),
      asset: input.findAsset(network, terms.asset),
      ...signed,
    }
  } catch (error) {
    if (error instanceof BadField) return error.refusal
    throw error
  }
}

/** Thrown by the helpers below and caught above, so that each of them can return a plain value. */
class BadField extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message)
  }
}

function parseAccepted({ x402Version, request }: OpenInput): ExactEip3009Payment['accepted'] {
  const { accepted, scheme, network } = request.paymentPayload
  if (x402Version === 2) {
    if (!accepted) throw missing('invalid_payload', 'paymentPayload.accepted')
    return parseTerms('paymentPayload.accepted', 2, accepted, 'invalid_payload')
  }
  return {
    scheme: required('invalid_payload', 'paymentPayload.scheme', scheme),
    network: required('invalid_payload', 'paymentPayload.network', network),
  }
}

function parseTerms(side: string, x402Version: 1 | 2, input: RequirementsInput, reason: Reason): Terms {
  const amountField = x402Version === 1 ? 'maxAmountRequired' : 'amount'
  return {
    scheme: required(reason, `${side}.scheme`, input.scheme),
    network: required(reason, `${side}.network`, input.network),
    amount: amount(reason, `${side}.${amountField}`, input[amountField]),
    asset: address(reason, `${side}.asset`, input.asset),
    payTo: address(reason, `${side}.payTo`, input.payTo),
  }
}

function parseSigned(payload: PaymentRequest['paymentPayload']['payload']) {
  const side = 'paymentPayload.payload'
  if (!payload) throw missing('invalid_payload', side)
  const signature = required('invalid_payload', `${side}.signature`, payload.signature)
  if (!isHex(signature) || signature.length > MAX_SIGNATURE) {
    throw badlyFormed('invalid_payload', `${side}.signature`, signature, 'at most 4096 bytes in hex, 0x first')
  }
  if (!payload.authorization) throw missing('invalid_payload', `${side}.authorization`)
  return {
    signature: lowerHex(signature),
    authorization: parseAuthorization(`${side}.authorization`, payload.authorization),
    payer: payload.authorization.from as string,
  }
}

function parseAuthorization(side: string, input: AuthorizationInput): Authorization {
  const nonce = required('invalid_payload', `${side}.nonce`, input.nonce)
  if (!isBytes32(nonce)) throw badlyFormed('invalid_payload', `${side}.nonce`, nonce, '32 bytes in hex, 0x first')
  return {
    from: address('invalid_payload', `${side}.from`, input.from),
    to: address('invalid_payload', `${side}.to`, input.to),
    value: amount('invalid_payload', `${side}.value`, input.value),
    validAfter: amount('invalid_payload', `${side}.validAfter`, input.validAfter),
    validBefore: amount('invalid_payload', `${side}.validBefore`, input.validBefore),
    nonce: lowerHex(nonce),
  }
}

function required(reason: Reason, param: string, value: string | null | undefined): string {
  if (!value) throw missing(reason, param)
  return value
}

function address(reason: Reason, param: string, value: string | null | undefined): Hex {
  const text = required(reason, param, value)
  if (!isAddress(text)) throw badlyFormed(reason, param, text, 'an address: 0x and 40 hex digits')
  return lowerHex(text)
}

function amount(reason: Reason, param: string, value: string | null | undefined): bigint {
  const text = required(reason, param, value)
  const parsed = parseAmount(text)
  if (parsed === null)
    throw badlyFormed(reason, param, text, 'decimal digits without sign, point or leading zero, below 2^256')
  return parsed
}

function missing(reason: Reason, param: string): BadField {
  return new BadField(refusal(reason, `${param} is missing. Send it.`))
}

function badlyFormed(reason: Reason, param: string, got: string, wanted: string): BadField {
  const shown = got.length > 80 ? `${got.slice(0, 80)}…` : got
  return new BadField(refusal(reason, `${param} must be ${wanted} (got ${JSON.stringify(shown)}).`))
}
