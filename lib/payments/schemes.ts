import { exactEip3009 } from './exact-eip3009/method'
import type { PaymentMethod } from './payment-method'

/** Every way to pay that is served: another scheme or method is a folder and a line here. */
export const PAYMENT_METHODS: readonly PaymentMethod[] = [exactEip3009]

/** Whether payments of a scheme are judged here, in a version of the protocol. */
export function servesScheme(x402Version: 1 | 2, scheme: string): boolean {
  return PAYMENT_METHODS.some((method) => method.scheme === scheme && method.x402Versions.includes(x402Version))
}
