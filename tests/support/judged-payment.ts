import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { type Hex, lowerHex } from '@/lib/core/hex'
import type { ExactEip3009Payment } from '@/lib/payments/exact-eip3009/payment'
import { verifyExactEip3009 } from '@/lib/payments/exact-eip3009/verify-exact-eip3009'
import { signAuthorization } from './build-payment'
import { type FakeChainOptions, fakeChain } from './fake-chain'
import { type PaymentChanges, parsedPayment } from './parsed-payment'

const NOW_MS = 1_800_000_000_000
export const now = () => NOW_MS
const payer = privateKeyToAccount(generatePrivateKey())
export const stranger = privateKeyToAccount(generatePrivateKey())
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

export const WALLET_ACCEPTS: FakeChainOptions = {
  hasCode: true,
  wallet: { ok: true, data: `0x1626ba7e${'0'.repeat(56)}` },
}

/** A payment that `payer` has signed, or `by` in its place. */
export async function signed(changes: PaymentChanges = {}, by = payer): Promise<ExactEip3009Payment> {
  const from = lowerHex(payer.address)
  const payment = parsedPayment({ ...changes, authorization: { from, ...changes.authorization }, payer: payer.address })
  if (changes.signature) return payment
  const { authorization, network, terms } = payment
  const { name, version } = changes.domain ?? { name: 'USDC', version: '2' }
  const signature = await signAuthorization(
    by,
    { name, version, chainId: network.chainId, verifyingContract: terms.asset },
    {
      ...authorization,
      value: String(authorization.value),
      validAfter: String(authorization.validAfter),
      validBefore: String(authorization.validBefore),
    },
  )
  return { ...payment, signature: lowerHex(signature) }
}

/** What is said of a payment, and what the chain was asked for it. */
export async function judge(payment: ExactEip3009Payment, options: FakeChainOptions = {}) {
  const chain = fakeChain(options)
  const judged = await verifyExactEip3009({ now, chain }, payment)
  return { chain, judged, reason: 'reason' in judged ? judged.reason : null }
}

/** The same signature with another v. */
export const withV = (signature: Hex, v: number): Hex =>
  `${signature.slice(0, 130)}${v.toString(16).padStart(2, '0')}` as Hex

/** The other signature that the same key makes for the same digest. */
export function highS(signature: Hex): Hex {
  const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`)
  const v = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${v}` as Hex
}
