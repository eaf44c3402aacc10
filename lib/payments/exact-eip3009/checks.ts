import { V1_NETWORKS } from '@/lib/networks/v1-names'
import { type Refusal, refusal } from '@/lib/payments/verdict'
import type { ExactEip3009Payment } from './payment'

/** A payment must outlive its verdict by a block or two: the reference's margin, in seconds. */
const EXPIRY_MARGIN_SECONDS = 6n

type Check = (payment: ExactEip3009Payment, nowSeconds: bigint) => Refusal | null

/** The rules that come before the signature, in the reference's priority; ours stand after the network. */
const TERMS_CHECKS: readonly Check[] = [
  schemeIsExact,
  v1NetworkIsKnown,
  domainIsNamed,
  networkMatches,
  acceptedMatches,
  assetIsListed,
  amountIsWorthItsGas,
]

/** The rules that come after the signature. */
const AUTHORIZATION_CHECKS: readonly Check[] = [recipientMatches, isNotExpired, isAlreadyValid, valueMatches]

/** The first of the seller's terms that is not met, or null. */
export function checkTerms(payment: ExactEip3009Payment): Refusal | null {
  return firstRefusal(TERMS_CHECKS, payment, 0n)
}

/** The first thing wrong with what was signed, its signature apart, or null. */
export function checkAuthorization(payment: ExactEip3009Payment, nowSeconds: bigint): Refusal | null {
  return firstRefusal(AUTHORIZATION_CHECKS, payment, nowSeconds)
}

function firstRefusal(checks: readonly Check[], payment: ExactEip3009Payment, nowSeconds: bigint): Refusal | null {
  for (const check of checks) {
    const refused = check(payment, nowSeconds)
    if (refused) return refused
  }
  return null
}

function schemeIsExact({ accepted, terms }: ExactEip3009Payment): Refusal | null {
  if (accepted.scheme === 'exact' && terms.scheme === 'exact') return null
  return refusal(
    'invalid_exact_evm_scheme',
    `The payload's scheme is "${accepted.scheme}", the requirements' is "${terms.scheme}". Both must be "exact".`,
  )
}

/** In v1 the reference looks a payload's network up before anything else of it. */
function v1NetworkIsKnown(payment: ExactEip3009Payment): Refusal | null {
  const { x402Version, accepted } = payment
  return x402Version === 1 && !V1_NETWORKS.has(accepted.network) ? networkMatches(payment) : null
}

function domainIsNamed({ domain, asset }: ExactEip3009Payment): Refusal | null {
  if (domain) return null
  const example = asset ? ` For this token they are "${asset.name}" and "${asset.version}".` : ''
  return refusal(
    'invalid_exact_evm_missing_eip712_domain',
    `paymentRequirements.extra.name and extra.version are needed: the token's EIP-712 domain.${example}`,
  )
}

function networkMatches({ accepted, terms }: ExactEip3009Payment): Refusal | null {
  if (accepted.network === terms.network) return null
  return refusal(
    'invalid_exact_evm_network_mismatch',
    `The payload is for "${accepted.network}", the requirements for "${terms.network}". Sign for the network asked for.`,
  )
}

/** The reference compares only scheme and network here, so that a seller's mistake could take another price. */
function acceptedMatches({ accepted, terms }: ExactEip3009Payment): Refusal | null {
  for (const field of ['asset', 'payTo', 'amount'] as const) {
    const [got, wanted] = [accepted[field], terms[field]]
    if (got === undefined || got === wanted) continue
    return refusal(
      'accepted_requirements_mismatch',
      `paymentPayload.accepted.${field} is ${got}, paymentRequirements.${field} is ${wanted}. Send the requirements that the buyer accepted.`,
    )
  }
  return null
}

function assetIsListed({ asset, terms, network }: ExactEip3009Payment): Refusal | null {
  if (asset) return null
  return refusal(
    'asset_not_listed',
    `${terms.asset} is not a token we accept on ${network.id}. GET /networks lists those we do.`,
  )
}

function amountIsWorthItsGas({ terms, network }: ExactEip3009Payment): Refusal | null {
  if (terms.amount >= network.minimumAmount) return null
  return refusal(
    'amount_below_minimum',
    `The amount is ${terms.amount} atomic units; on ${network.id} the least is ${network.minimumAmount}.`,
  )
}

function recipientMatches({ authorization, terms }: ExactEip3009Payment): Refusal | null {
  if (authorization.to === terms.payTo) return null
  return refusal(
    'invalid_exact_evm_recipient_mismatch',
    `The authorization pays ${authorization.to}, the seller asks for ${terms.payTo}. Sign for payTo.`,
  )
}

function isNotExpired({ authorization }: ExactEip3009Payment, nowSeconds: bigint): Refusal | null {
  if (authorization.validBefore >= nowSeconds + EXPIRY_MARGIN_SECONDS) return null
  return refusal(
    'invalid_exact_evm_payload_authorization_valid_before',
    `The authorization ends at ${authorization.validBefore}, and it is ${nowSeconds}; it must last ${EXPIRY_MARGIN_SECONDS} s more. Sign a new one.`,
  )
}

function isAlreadyValid({ authorization }: ExactEip3009Payment, nowSeconds: bigint): Refusal | null {
  if (authorization.validAfter <= nowSeconds) return null
  return refusal(
    'invalid_exact_evm_payload_authorization_valid_after',
    `The authorization begins at ${authorization.validAfter}, and it is ${nowSeconds}. Wait, or sign one that is valid now.`,
  )
}

function valueMatches({ x402Version, authorization, terms }: ExactEip3009Payment): Refusal | null {
  if (authorization.value === terms.amount) return null
  return refusal(
    x402Version === 1
      ? 'invalid_exact_evm_authorization_value'
      : 'invalid_exact_evm_payload_authorization_value_mismatch',
    `The authorization is over ${authorization.value} atomic units, the seller asks for exactly ${terms.amount}.`,
  )
}
