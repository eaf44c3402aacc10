type Text = string | null | undefined

/** What a seller asks for. v1 says `maxAmountRequired`, v2 `amount`. */
export type RequirementsInput = {
  scheme?: Text
  network?: Text
  amount?: Text
  maxAmountRequired?: Text
  asset?: Text
  payTo?: Text
  resource?: Text
  extra?: { name?: Text; version?: Text } | null | undefined
}

/** What a buyer signed, as it came: the envelope is checked, the content is not. v2 echoes the terms in `accepted`. */
type PayloadInput = {
  x402Version?: number | null | undefined
  scheme?: Text
  network?: Text
  accepted?: RequirementsInput | null | undefined
  resource?: { url?: Text } | null | undefined
  extensions?: unknown
  payload?:
    | {
        signature?: Text
        authorization?: AuthorizationInput | null | undefined
        permit2Authorization?: unknown
      }
    | null
    | undefined
}

export type AuthorizationInput = {
  from?: Text
  to?: Text
  value?: Text
  validAfter?: Text
  validBefore?: Text
  nonce?: Text
}

/** What is paid for, as the buyer (v2) or the seller (v1) names it. */
export function resourceOf({ paymentPayload, paymentRequirements }: PaymentRequest): string | null {
  return paymentPayload.resource?.url ?? paymentRequirements.resource ?? null
}

/** The body of /verify and /settle, its envelope checked. */
export type PaymentRequest = {
  x402Version?: number | null | undefined
  paymentPayload: PayloadInput
  paymentRequirements: RequirementsInput
  waitUntil?: 'mined' | 'final' | null | undefined
}
