import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { Mode } from '@/lib/core/plans'
import { within } from '@/lib/core/within'
import { findNetwork } from '@/lib/networks/find-network'
import type { Asset, Network } from '@/lib/networks/networks'
import { findMagicOutcome, type MagicOutcome } from './magic-payments'
import type { Accepted, OpenedPayment, PaymentMethodDeps, PaymentRecord } from './payment-method'
import type { PaymentRequest } from './payment-request'
import { PAYMENT_METHODS, servesScheme } from './schemes'
import { type Refusal, refusal, type Verdict } from './verdict'

export type VerifyPaymentDeps = PaymentMethodDeps & {
  networks: {
    /** Whether payments on a network can be judged now; `unavailable` when its start check did not pass. */
    status(network: Network): 'served' | 'not_configured' | 'unavailable'
    findAsset(network: Network, address: Hex): Asset | null
  }
}

type VerifyPaymentInput = { mode: Mode; request: PaymentRequest }

/** What is known of a payment once it was judged, also when that ended in an error: the log is written from it. */
export type PaymentFacts = {
  x402Version: 1 | 2 | null
  network: Network | null
  record: PaymentRecord | null
  block: bigint | null
}

/** What is known of a payment before it was looked at. */
export function unknownFacts(): PaymentFacts {
  return { x402Version: null, network: null, record: null, block: null }
}

/**
 * Judges one payment of x402 v1 or v2. A refused payment is a verdict, not an error. `facts` is filled in on the way.
 *
 * @throws AppError `mode_mismatch` when the network is of the other mode, `rpc_unavailable` when the chain is not to
 *   be read: never a verdict on the payer.
 */
export async function verifyPayment(
  deps: VerifyPaymentDeps,
  input: VerifyPaymentInput,
  facts: PaymentFacts,
): Promise<Verdict> {
  const payer = input.request.paymentPayload.payload?.authorization?.from ?? undefined
  const opened = openPayment(deps, input, facts)
  const judged = 'reason' in opened ? opened : await judgePayment(deps, opened)
  if ('reason' in judged) return { valid: false, payer, ...judged }
  facts.block = judged.block
  return { valid: true, payer: payer as string }
}

/** A payment whose version, scheme, network and fields are known. */
export type Dispatched = {
  x402Version: 1 | 2
  network: Network
  payment: OpenedPayment
  magic: MagicOutcome | undefined
  isAvailable: boolean
}

/** Every check of an opened payment. @throws AppError `rpc_unavailable` */
export async function judgePayment(
  deps: VerifyPaymentDeps,
  { payment, magic, isAvailable }: Dispatched,
): Promise<Accepted | Refusal> {
  if (magic) return payment.checkTerms() ?? performMagic(magic)
  if (!isAvailable) throw new AppError('rpc_unavailable', { retryAfterSeconds: 5 })
  return within(CHAIN_BUDGET_MS, payment.verify(deps), tooLate)
}

/** Some payments need several reads, one after the other: all of them together have this long. */
const CHAIN_BUDGET_MS = 2_500

function tooLate(): AppError {
  const cause = new Error(`the reads of one payment took more than ${CHAIN_BUDGET_MS} ms`)
  return new AppError('rpc_unavailable', { retryAfterSeconds: 1, cause })
}

/** Reads a payment so far as no chain is needed for it. @throws AppError `mode_mismatch` */
export function openPayment(
  deps: Pick<VerifyPaymentDeps, 'networks'>,
  { mode, request }: VerifyPaymentInput,
  facts: PaymentFacts,
): Dispatched | Refusal {
  const kind = findKind(request, facts)
  if ('reason' in kind) return kind
  const { x402Version, scheme, network } = kind
  if (network.mode !== mode) throw new AppError('mode_mismatch')
  const magic = mode === 'test' ? findMagicOutcome(payerOf(request)) : undefined
  const status = deps.networks.status(network)
  if (!magic && status === 'not_configured') return unknownNetwork(network.id)

  const method = PAYMENT_METHODS.find(
    (candidate) => candidate.scheme === scheme && candidate.owns(request, x402Version),
  )
  if (!method) return refusal('unsupported_payload_type', 'Permit2 is not served. Sign an EIP-3009 authorization.')
  const payment = method.open({ x402Version, network, request, findAsset: deps.networks.findAsset })
  if ('reason' in payment) return payment
  facts.record = payment.record
  return { x402Version, network, payment, magic, isAvailable: status === 'served' }
}

type Kind = { x402Version: 1 | 2; scheme: string; network: Network }

/** Our own table of (version, scheme, network) decides what is served, before any code of a scheme is asked. */
function findKind(
  { x402Version, paymentPayload, paymentRequirements }: PaymentRequest,
  facts: PaymentFacts,
): Kind | Refusal {
  const version = paymentPayload.x402Version ?? x402Version
  if (version !== 1 && version !== 2) {
    return refusal('invalid_x402_version', `x402Version is ${version ?? 'missing'}. Send 1 or 2.`)
  }
  facts.x402Version = version
  const { scheme, network: name } = paymentRequirements
  if (!scheme) return refusal('invalid_payment_requirements', 'paymentRequirements.scheme is missing. Send it.')
  if (!name) return refusal('invalid_payment_requirements', 'paymentRequirements.network is missing. Send it.')
  if (!servesScheme(version, scheme)) return unsupportedScheme(scheme)
  const network = findNetwork(version, name)
  if (!network) return unknownNetwork(name)
  facts.network = network
  return { x402Version: version, scheme, network }
}

function performMagic({ verify }: MagicOutcome): Accepted | Refusal {
  if (verify === 'rpc_unavailable') throw new AppError('rpc_unavailable', { retryAfterSeconds: 1 })
  return verify === 'valid' ? { block: null } : refusal(verify, 'A magic payment of test mode: this is its outcome.')
}

function unsupportedScheme(scheme: string): Refusal {
  return refusal(
    'unsupported_scheme',
    `The scheme ${shown(scheme)} is not served. GET /supported lists those that are.`,
  )
}

function unknownNetwork(name: string): Refusal {
  const help = 'GET /supported lists those that are; v2 names them like eip155:8453, v1 like base.'
  return refusal('invalid_network', `The network ${shown(name)} is not served. ${help}`)
}

function payerOf(request: PaymentRequest): string {
  return (request.paymentPayload.payload?.authorization?.from ?? '').toLowerCase()
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80))
}
