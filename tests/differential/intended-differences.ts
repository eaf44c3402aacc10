import { isErc6492Signature, parseErc6492Signature } from 'viem'
import { parseEcdsaSignature } from '@/lib/core/recover-address'
import { REASONS } from '@/lib/payments/verdict'
import type { Case } from './cases'
import type { Mark } from './defect'

/** A payment and what each judge said of it: "valid", a reason, or that it threw. */
export type Judged = Case & { ours: string; reference: string }

export type IntendedDifference = {
  name: string
  /** Why the two differ. */
  cause: string
  /** Why ours is right. */
  because: string
  covers(judged: Judged): boolean
}

/** What the reference can say, first things first; a reason of ours may hide only what would have come after it. */
const PRIORITY = [
  'invalid_exact_evm_scheme',
  'invalid_exact_evm_missing_eip712_domain',
  'invalid_exact_evm_network_mismatch',
  'eip6492_factory_not_allowed',
  'invalid_exact_evm_signature',
  'invalid_exact_evm_recipient_mismatch',
  'invalid_exact_evm_payload_authorization_valid_before',
  'invalid_exact_evm_payload_authorization_valid_after',
  'invalid_exact_evm_authorization_value',
  'invalid_exact_evm_payload_authorization_value_mismatch',
  'asset_not_deployed_contract',
  'invalid_exact_evm_eip3009_not_supported',
  'invalid_exact_evm_nonce_already_used',
  'invalid_exact_evm_token_name_mismatch',
  'invalid_exact_evm_token_version_mismatch',
  'invalid_exact_evm_insufficient_balance',
  'invalid_exact_evm_transaction_simulation_failed',
  'valid',
]

const AFTER_NETWORK = after('invalid_exact_evm_network_mismatch')
const FROM_SIGNATURE_ON = after('eip6492_factory_not_allowed')
const AFTER_SIGNATURE = after('invalid_exact_evm_signature')

function after(reason: string): readonly string[] {
  return PRIORITY.slice(PRIORITY.indexOf(reason) + 1)
}

/** The one table of every way in which our verdicts differ from those of @x402/evm 2.27. All else is a mistake. */
export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    name: 'an x402Version that does not exist',
    cause: 'The classes of the reference are asked after dispatch and never look at the version.',
    because: 'A payload of a version that nobody defined has no known meaning.',
    covers: ({ marks, ours }) => marks.has('version unknown') && ours === 'invalid_x402_version',
  },
  {
    name: 'a scheme that is not served',
    cause: "Our table of (version, scheme, network) is asked before the scheme's own code.",
    because: 'It is the same refusal under its general name; the same request may be for a scheme we serve later.',
    covers: ({ marks, ours, reference }) =>
      marks.has('scheme not served') &&
      ours === 'unsupported_scheme' &&
      (reference === 'invalid_exact_evm_scheme' || isLostBeforeScheme(marks, reference)),
  },
  {
    name: 'a network that is not served',
    cause: 'The reference takes any eip155 id, other spellings too, and asks the one chain that it is connected to.',
    because: 'A payment is judged on the chain it names or not at all.',
    covers: ({ marks, ours }) =>
      marks.has('network not served') && !marks.has('scheme not served') && ours === 'invalid_network',
  },
  {
    name: 'a mainnet named with a test key',
    cause: 'The reference knows no modes.',
    because: "A test key must not reach a mainnet; that is the caller's mistake, not the payer's.",
    covers: ({ marks, ours }) =>
      marks.has('live network') && !marks.has('scheme not served') && ours === 'throws mode_mismatch',
  },
  {
    name: 'magic payers',
    cause: 'Eight addresses of test mode have an outcome of their own, without chain or signature.',
    because: 'Nobody holds their keys, so no real payment comes from them.',
    covers: ({ marks, ours, reference, ...judged }) =>
      marks.has('magic payer') &&
      [...AFTER_NETWORK, 'throws rpc_unavailable'].includes(ours) &&
      refersTo(['eip6492_factory_not_allowed', 'invalid_exact_evm_signature'], reference, judged),
  },
  {
    name: 'requirements badly formed',
    cause: 'The reference throws, or reads what BigInt and getAddress happen to read ("0x10", " 7", "010", "").',
    because: 'One amount has one spelling, and nothing throws: the seller learns which field is wrong.',
    covers: ({ marks, ours }) => marks.has('requirements badly formed') && ours === 'invalid_payment_requirements',
  },
  {
    name: 'payload badly formed',
    cause: 'The reference throws, calls it a wrong signature, or ignores it (a field of `accepted`, half a byte).',
    because: 'One authorization has one spelling, and nothing throws: the buyer learns which field is wrong.',
    covers: ({ marks, ours }) =>
      marks.has('payload badly formed') && !marks.has('requirements badly formed') && ours === 'invalid_payload',
  },
  {
    name: 'a signature of more than 4,096 bytes',
    cause: 'The reference passes on a signature of any length.',
    because: 'No wallet writes one; its calldata alone can cost more gas than the whole transfer may.',
    covers: ({ marks, ours }) => marks.has('signature huge') && ours === 'invalid_payload',
  },
  {
    name: 'Permit2',
    cause: 'The reference has a verifier for Permit2, and takes it whenever the field is there.',
    because: 'Permit2 is not served yet; which of two authorizations was meant is not ours to guess.',
    covers: ({ marks, x402Version, ours }) =>
      marks.has('Permit2') && x402Version === 2 && ours === 'unsupported_payload_type',
  },
  {
    name: 'a Permit2 authorization of null',
    cause: 'The reference only looks whether the field is there, and throws.',
    because: 'Null counts as missing everywhere, for clients in Go and Python write their empty optionals so.',
    covers: ({ marks, x402Version, reference }) =>
      marks.has('null Permit2') && x402Version === 2 && reference === 'throws',
  },
  {
    name: 'accepted against requirements',
    cause: 'The reference compares scheme and network only.',
    because: 'A buyer must not be charged on terms other than those his client agreed to.',
    covers: ({ marks, ours, reference, ...judged }) =>
      marks.has('accepted differs') &&
      ours === 'accepted_requirements_mismatch' &&
      refersTo(AFTER_NETWORK, reference, judged),
  },
  {
    name: 'an asset that is not listed',
    cause: 'The reference takes any contract as token, and in v1 an account without code too.',
    because: "A token's own code decides what a simulation says, so only tokens that somebody looked at are taken.",
    covers: ({ marks, ours, reference, ...judged }) =>
      marks.has('asset not listed') && ours === 'asset_not_listed' && refersTo(AFTER_NETWORK, reference, judged),
  },
  {
    name: 'signatures that no token takes: high s, v of 0 or 1',
    cause: 'The reference recovers an address from them, and fails in the simulation at the earliest.',
    because: 'USDC refuses them always, and the payer can mend the signature without signing again.',
    covers: ({ ours, reference, ...judged }) =>
      ours === 'signature_not_canonical' && isNotCanonical(judged) && FROM_SIGNATURE_ON.includes(reference),
  },
  {
    name: 'a broken ERC-6492 wrapper',
    cause: 'The reference throws when it cannot decode what ends like a wrapper.',
    because: 'Nothing throws; such bytes are a signature like any other, for the wallet to judge.',
    covers: ({ ours, reference, ...judged }) =>
      reference === 'throws' && hasBrokenWrapper(judged) && FROM_SIGNATURE_ON.includes(ours),
  },
  {
    name: 'an address with a wrong checksum in what was signed',
    cause: 'The reference gives up hashing it and calls the signature wrong.',
    because: 'The signature covers the bytes of the address, and those are right: the payment would settle.',
    covers: ({ marks, ours, reference }) =>
      marks.has('checksum wrong') && reference === 'invalid_exact_evm_signature' && AFTER_SIGNATURE.includes(ours),
  },
  {
    name: 'a token that takes used authorizations',
    cause: 'The reference reads authorizationState only after a failed simulation.',
    because: 'Not every token reverts on a used authorization; it would be paid for twice and moved once.',
    covers: ({ marks, ours, reference }) =>
      marks.has('takesUsedAuthorizations') && ours === 'invalid_exact_evm_nonce_already_used' && reference === 'valid',
  },
  {
    name: 'a token without authorizationState',
    cause: 'The reference reads authorizationState only after a failed simulation.',
    because: 'Whether the authorization was used before cannot be known, so the payment cannot be vouched for.',
    covers: ({ marks, ours, reference }) =>
      marks.has('knowsNoAuthorizations') && ours === 'invalid_exact_evm_eip3009_not_supported' && reference === 'valid',
  },
  {
    name: 'a factory call for a wallet that stands already',
    cause: "The reference simulates the wrapper's factory call before the transfer, though settling never makes it.",
    because: 'We simulate what settles: a call that funds the payer, or spends the authorization, will not be made.',
    covers: ({ marks, payer, ours, reference }) =>
      marks.has('factory call') &&
      hasCode(payer) &&
      (ours === 'valid' ? DIAGNOSED.includes(reference) : reference === 'valid' && ours === INSUFFICIENT),
  },
  {
    name: "a wallet's signature of 65 bytes that is none of ECDSA",
    cause: 'The reference takes every 65 bytes apart as r, s and v and refuses values that ECDSA does not have.',
    because: "What a wallet takes for a signature is the wallet's to say; the token passes the bytes on.",
    covers: ({ payer, ours, reference, ...judged }) =>
      hasCode(payer) && ours === 'valid' && DIAGNOSED.includes(reference) && isNoEcdsa(judged),
  },
  {
    name: 'a wallet that wants more gas than a payment may use',
    cause: 'The reference names no gas in its calls.',
    because: 'One payment must not make a node, or the settling transaction, work for all the others.',
    covers: ({ payer, ours, reference }) =>
      hasCode(payer) &&
      isThirsty(payer) &&
      ['invalid_exact_evm_signature', ...DIAGNOSED].includes(ours) &&
      AFTER_SIGNATURE.includes(reference),
  },
  {
    name: 'an account with code whose own key signed, and the token takes it',
    cause: 'The reference asks isValidSignature from nowhere; we have already seen the token take the transfer.',
    because: 'The payment would settle: some code answers the token alone, and some tokens only recover the key.',
    covers: ({ payer, marks, ours, reference }) =>
      (payer.name === 'delegated, accepts before the token only' ||
        (payer.kind === 'delegated' && marks.has('knowsNoBytesSignatures'))) &&
      ours === 'valid' &&
      reference === 'invalid_exact_evm_signature',
  },
]

/** Our own refusals and what may be said in their place, first things first: everything that stands before them. */
const OUR_ORDER = [
  'invalid_x402_version',
  'unsupported_scheme',
  'invalid_network',
  'throws mode_mismatch',
  'unsupported_payload_type',
  'invalid_payment_requirements',
  'invalid_payload',
  'invalid_exact_evm_scheme',
  'invalid_exact_evm_missing_eip712_domain',
  'invalid_exact_evm_network_mismatch',
  'accepted_requirements_mismatch',
  'asset_not_listed',
]

const REFUSED_FOR: Partial<Record<Mark, string>> = {
  'version unknown': 'invalid_x402_version',
  'scheme not served': 'unsupported_scheme',
  'network not served': 'invalid_network',
  'live network': 'throws mode_mismatch',
  'requirements badly formed': 'invalid_payment_requirements',
  'payload badly formed': 'invalid_payload',
  'accepted differs': 'accepted_requirements_mismatch',
  'asset not listed': 'asset_not_listed',
}

/** Whether a payment with a defect that only we refuse got by us, or was refused for something less important. */
export function gotByUs({ marks, ours, body: { paymentRequirements } }: Judged): boolean {
  const isWithoutKind = !paymentRequirements.scheme || !paymentRequirements.network
  if (isWithoutKind && ours === 'invalid_payment_requirements') return false
  // Magic payments need no chain, so that they are answered for testnets that are not connected too.
  const refused = [...marks].filter((mark) => mark !== 'network not served' || !marks.has('magic payer'))
  const reasons = refused.map((mark) => REFUSED_FOR[mark]).filter((reason) => reason !== undefined)
  const latest = Math.min(...reasons.map((reason) => OUR_ORDER.indexOf(reason)))
  const said = OUR_ORDER.indexOf(ours)
  return reasons.length > 0 && (said < 0 || said > latest)
}

/** Those of our reasons that no payment on a testnet can get. */
const FOR_MAINNETS_ALONE = ['amount_below_minimum']

/** Every outcome that the run must have shown at least once. */
export const EXPECTED_OUTCOMES: readonly string[] = [
  'valid',
  ...REASONS.filter((reason) => !FOR_MAINNETS_ALONE.includes(reason)),
]

/** What a simulation can have failed for. */
const DIAGNOSED = after('invalid_exact_evm_nonce_already_used').filter((reason) => reason !== 'valid')
const INSUFFICIENT = 'invalid_exact_evm_insufficient_balance'
const THIRSTY = ['wallet needsTwoMillionGas', 'wallet needsMostOfTheGas', 'delegated, needs two million gas']

/** The reference looked for the scheme in the wrong place, or at the form of the payload first. */
function isLostBeforeScheme(marks: Case['marks'], reference: string): boolean {
  if (reference === 'unsupported_payload_type') return marks.has('Permit2')
  const isMisread = marks.has('payload badly formed') || marks.has('network not served') || marks.has('null Permit2')
  return reference === 'throws' && isMisread
}

type Signed = Pick<Case, 'body'>

/** The reference said one of these, or did not come to it because it could not decode the wrapper. */
function refersTo(reasons: readonly string[], reference: string, judged: Signed): boolean {
  return reasons.includes(reference) || (reference === 'throws' && hasBrokenWrapper(judged))
}

function hasCode({ kind }: Case['payer']): boolean {
  return kind === 'wallet' || kind === 'delegated'
}

function isThirsty({ name }: Case['payer']): boolean {
  return THIRSTY.includes(name)
}

function signatureOf({ body }: Signed): `0x${string}` {
  return (body.paymentPayload.payload?.signature ?? '0x').toLowerCase() as `0x${string}`
}

function isNotCanonical(judged: Signed): boolean {
  const ecdsa = parseEcdsaSignature(signatureOf(judged))
  return ecdsa !== null && (!ecdsa.isLowS || ecdsa.v === 0 || ecdsa.v === 1)
}

/** 65 bytes, inside a wrapper or not, whose r, s or v no ECDSA signature has. */
function isNoEcdsa(judged: Signed): boolean {
  const signature = signatureOf(judged)
  if (signature.length !== 132) return false
  const [r, s] = [BigInt(signature.slice(0, 66)), BigInt(`0x${signature.slice(66, 130)}`)]
  const isScalar = (value: bigint) => value > 0n && value < CURVE_ORDER
  return !isScalar(r) || !isScalar(s) || !['00', '01', '1b', '1c'].includes(signature.slice(130))
}

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

function hasBrokenWrapper(judged: Signed): boolean {
  const signature = signatureOf(judged)
  if (!isErc6492Signature(signature)) return false
  try {
    parseErc6492Signature(signature)
    return false
  } catch {
    return true
  }
}
