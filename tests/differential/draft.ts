import { type Address, bytesToHex, type Hex, isAddress } from 'viem'
import { NETWORKS } from '@/lib/networks/networks'
import type { PaymentRequest } from '@/lib/payments/payment-request'
import { LOCAL_CHAIN_ID } from '@/scripts/local/chain'
import type { Random } from './random'
import { authorizationDigest, type SignedAuthorization, sign, wrapped } from './signing'
import { type Token, USDC } from './tokens'
import { AMOUNT, PAYEE, type Payer } from './world'

/** Seconds since 1970: the time at which payments are judged. Fixed, so that a run can be repeated to the byte. */
export const NOW = 2_000_000_000

export type Fields = Record<string, unknown>

/** A payment on its way to being signed and sent; defects change it before or after the payer signs. */
export type Draft = {
  x402Version: 1 | 2
  payer: Payer
  requirements: Fields
  /** What the payload repeats of the terms: v2 all of them, v1 scheme and network. */
  accepted: Fields
  authorization: Fields
  signature: unknown
  /** In the place of the payload's own fields. */
  payload: Fields
  /** In the place of fields of the body and of paymentPayload. */
  body: Fields
  paymentPayload: Fields
  /** What was in `authorization` before any defect: signed in the place of what nobody can sign. */
  sound: SignedAuthorization
}

export type DraftOptions = { x402Version: 1 | 2; payer: Payer; random: Random; token?: Token; amount?: bigint }

export function newDraft({ x402Version, payer, random, token = USDC, amount = AMOUNT }: DraftOptions): Draft {
  const network = x402Version === 1 ? 'base-sepolia' : `eip155:${LOCAL_CHAIN_ID}`
  const requirements: Fields = {
    scheme: 'exact',
    network,
    [amountField(x402Version)]: String(amount),
    asset: token.address,
    payTo: PAYEE,
    maxTimeoutSeconds: 60,
    extra: { name: token.name, version: token.version },
    ...(x402Version === 1 && { resource: 'https://seller.example/weather', description: '', mimeType: '' }),
  }
  const sound: SignedAuthorization = {
    from: payer.address,
    to: PAYEE,
    value: amount,
    validAfter: BigInt(NOW - 600),
    validBefore: BigInt(NOW + 3_600),
    nonce: bytesToHex(random.bytes(32)),
  }
  return {
    x402Version,
    payer,
    requirements,
    accepted: x402Version === 1 ? { scheme: 'exact', network } : structuredClone(requirements),
    authorization: Object.fromEntries(Object.entries(sound).map(([field, value]) => [field, String(value)])),
    signature: undefined,
    payload: {},
    body: {},
    paymentPayload: {},
    sound,
  }
}

export function amountField(x402Version: 1 | 2): 'amount' | 'maxAmountRequired' {
  return x402Version === 1 ? 'maxAmountRequired' : 'amount'
}

/** Sets one of the terms on both sides, as a seller does. v1 payloads repeat only scheme and network. */
export function setTerm(draft: Draft, field: string, value: unknown): void {
  draft.requirements[field] = value
  if (field in draft.accepted) draft.accepted[field] = structuredClone(value)
}

/** Signs what now stands in the draft, as far as it can be signed. */
export function signDraft(draft: Draft): void {
  const { payer } = draft
  const digest = authorizationDigest(signedToken(draft), signedAuthorization(draft), signedChainId(draft))
  const signature = sign(digest, payer.key)
  draft.signature = payer.kind === 'undeployed' ? wrapped(signature) : signature
}

/** The authorization of the draft in the form that can be hashed. */
export function signedAuthorization({ authorization, sound }: Draft): SignedAuthorization {
  return {
    from: toAddress(authorization['from']) ?? sound.from,
    to: toAddress(authorization['to']) ?? sound.to,
    value: toUint(authorization['value']) ?? sound.value,
    validAfter: toUint(authorization['validAfter']) ?? sound.validAfter,
    validBefore: toUint(authorization['validBefore']) ?? sound.validBefore,
    nonce: toBytes32(authorization['nonce']) ?? sound.nonce,
  }
}

function signedToken({ requirements }: Draft): Token {
  const { name, version } = (requirements['extra'] ?? {}) as Fields
  return {
    address: toAddress(requirements['asset']) ?? USDC.address,
    name: typeof name === 'string' ? name : USDC.name,
    version: typeof version === 'string' ? version : USDC.version,
  }
}

function signedChainId({ requirements }: Draft): number {
  const name = requirements['network']
  return NETWORKS.find(({ id, v1Name }) => name === id || name === v1Name)?.chainId ?? LOCAL_CHAIN_ID
}

function toAddress(value: unknown): Address | null {
  return typeof value === 'string' && isAddress(value, { strict: false }) ? (value.toLowerCase() as Address) : null
}

function toBytes32(value: unknown): Hex | null {
  return typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value) ? (value as Hex) : null
}

/** A number as a lenient reader takes it: hex, blanks and leading zeros too. */
function toUint(value: unknown): bigint | null {
  if (typeof value !== 'string' || !/^\s*(\+?[0-9]+|0x[0-9a-f]+)\s*$/i.test(value)) return null
  const number = BigInt(value)
  return number < 1n << 256n ? number : null
}

/** The body as it goes over the wire. */
export function toBody(draft: Draft): PaymentRequest {
  const { x402Version, requirements, accepted, authorization, signature } = draft
  const body = {
    x402Version,
    paymentPayload: {
      x402Version,
      ...(x402Version === 1 ? accepted : { accepted }),
      payload: { signature, authorization, ...draft.payload },
      ...draft.paymentPayload,
    },
    paymentRequirements: requirements,
    ...draft.body,
  }
  return JSON.parse(JSON.stringify(body)) as PaymentRequest
}
