import { exampleRequest } from '@/lib/contracts/example-request'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'

export type MagicName = 'valid' | 'insufficient funds' | 'expired' | 'bad signature' | 'nonce used' | 'RPC unavailable'

type MagicOptions = { resource?: string; amount?: string; extra?: Record<string, unknown> }

/** A body of /verify whose outcome is forced by its payer, without a signature or a chain. */
export function magicBody(name: MagicName, { resource, amount, extra }: MagicOptions = {}) {
  const { x402Version, paymentPayload, paymentRequirements } = exampleRequest()
  const [payer] = Object.entries(MAGIC_PAYERS).find(([, outcome]) => outcome.name === name) ?? []
  const terms = { ...paymentRequirements, ...(amount && { amount }) }
  const { signature, authorization } = paymentPayload.payload
  return {
    ...extra,
    x402Version,
    paymentPayload: {
      ...paymentPayload,
      accepted: terms,
      ...(resource !== undefined && { resource: { url: resource } }),
      payload: { signature, authorization: { ...authorization, from: payer, value: terms.amount } },
    },
    paymentRequirements: terms,
  }
}
