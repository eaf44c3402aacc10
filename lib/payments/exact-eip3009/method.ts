import type { PaymentMethod } from '@/lib/payments/payment-method'
import { transferCall } from './calls'
import { checkTerms } from './checks'
import { parseExactEip3009 } from './parse-payment'
import { innerSignature, verifyExactEip3009 } from './verify-exact-eip3009'

/** Scheme `exact` on EVM by EIP-3009, x402 v1 and v2. Any payload that does not say otherwise is of this method. */
export const exactEip3009: PaymentMethod = {
  scheme: 'exact',
  x402Versions: [1, 2],
  // v1 has no other method, so there the field is one of those that nobody knows.
  owns: ({ paymentPayload }, x402Version) => x402Version === 1 || !paymentPayload.payload?.permit2Authorization,
  open(input) {
    const payment = parseExactEip3009(input)
    if ('reason' in payment) return payment
    const { authorization, terms, asset } = payment
    return {
      record: {
        payer: authorization.from,
        payTo: terms.payTo,
        amount: terms.amount,
        nonce: authorization.nonce,
        asset,
      },
      transfer: () => ({
        asset: terms.asset,
        payer: authorization.from,
        payTo: authorization.to,
        amount: authorization.value,
        nonce: authorization.nonce,
        validAfter: authorization.validAfter,
        validBefore: authorization.validBefore,
        callData: transferCall(authorization, innerSignature(payment.signature)),
      }),
      checkTerms: () => checkTerms(payment),
      verify: (deps) => verifyExactEip3009(deps, payment),
    }
  },
}
