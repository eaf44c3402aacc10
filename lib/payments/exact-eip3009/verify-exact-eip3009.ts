import { parseErc6492Signature, zeroAddress } from 'viem'
import type { Hex } from '@/lib/core/hex'
import { type EcdsaSignature, parseEcdsaSignature, recoverAddress } from '@/lib/core/recover-address'
import type { ChainReader } from '@/lib/networks/chain-reader'
import type { Accepted, PaymentMethodDeps } from '@/lib/payments/payment-method'
import { type Refusal, refusal } from '@/lib/payments/verdict'
import { ERC1271_MAGIC, isValidSignatureCall } from './calls'
import { checkAuthorization, checkTerms } from './checks'
import { authorizationDigest } from './digest'
import type { ExactEip3009Payment } from './payment'
import { explainFailure, type Simulation, simulate } from './simulate'

const ERC6492_SUFFIX = '6492'.repeat(16)

/**
 * Decides whether an EIP-3009 payment would settle now.
 *
 * Checks run in the order that costs least and are reported in the reference's priority: terms, signature,
 * authorization, simulation. Whether the payer's signature is judged by recovery or by its own contract (EIP-1271) is
 * the chain's to say, for an account may have got code a block ago (EIP-7702); code is never cached.
 *
 * @throws AppError `rpc_unavailable`
 */
export async function verifyExactEip3009(
  deps: PaymentMethodDeps,
  payment: ExactEip3009Payment,
): Promise<Accepted | Refusal> {
  const wrongTerms = checkTerms(payment)
  if (wrongTerms) return wrongTerms
  const wrongAuthorization = checkAuthorization(payment, BigInt(Math.floor(deps.now() / 1000)))
  const signature = await readSignature(payment)

  const likely = signature.isPayers && !wrongAuthorization
  const first = likely ? await simulate(deps.chain, payment, signature.inner, 'withoutCode') : null
  const judged = first?.succeeded ? first : await judgeByCode(deps, payment, { signature, wrongAuthorization, first })
  return 'reason' in judged ? judged : { block: judged.block }
}

type Findings = { signature: Signature; wrongAuthorization: Refusal | null; first: Simulation | null }

/** The way of every payment that did not pass at once: only now does it matter whether the payer has code. */
async function judgeByCode(
  { chain }: PaymentMethodDeps,
  payment: ExactEip3009Payment,
  { signature, wrongAuthorization, first }: Findings,
): Promise<Simulation | Refusal> {
  const [hasCode, askedAlready] = await Promise.all([
    chain.hasCode(payment.network, payment.authorization.from),
    first ? null : askWallet(chain, payment, signature),
  ])
  if (!hasCode) {
    const refused = refuseSignature(payment, signature) ?? wrongAuthorization
    return refused ?? explainFailure(chain, payment, first)
  }
  const wallet = askedAlready ?? (await askWallet(chain, payment, signature))
  if (wallet !== 'accepts') return refusedByWallet(payment, wallet)
  if (wrongAuthorization) return wrongAuthorization
  const simulation = await simulate(chain, payment, signature.inner, 'withCode')
  return simulation.succeeded ? simulation : explainFailure(chain, payment, simulation)
}

type Signature = {
  /** What the wallet itself signed: the signature without its ERC-6492 wrapper, if it had one. */
  inner: Hex
  isWrapped: boolean
  ecdsa: EcdsaSignature | null
  digest: Uint8Array
  /** Recovery gives the payer, and the token would take it from an account without code. */
  isPayers: boolean
}

async function readSignature(payment: ExactEip3009Payment): Promise<Signature> {
  const { network, terms, authorization, domain } = payment
  const { name, version } = domain as NonNullable<typeof domain>
  const inner = innerSignature(payment.signature)
  const isWrapped = inner !== payment.signature
  const ecdsa = parseEcdsaSignature(inner)
  const digest = authorizationDigest(
    { name, version, chainId: network.chainId, verifyingContract: terms.asset },
    authorization,
  )
  const isPayers =
    !isWrapped && ecdsa !== null && isCanonical(ecdsa) && (await recoverAddress(digest, ecdsa)) === authorization.from
  return { inner, isWrapped, ecdsa, digest, isPayers }
}

/** The inner signature of an ERC-6492 wrapper; anything else, a wrapper without a factory too, is the signature itself. */
export function innerSignature(signature: Hex): Hex {
  if (!signature.endsWith(ERC6492_SUFFIX)) return signature
  try {
    const { address, signature: inner } = parseErc6492Signature(signature)
    return address && address !== zeroAddress ? inner : signature
  } catch {
    return signature
  }
}

/** USDC takes only low s and v of 27 or 28, so that a payment has one signature and not two. */
function isCanonical({ v, isLowS }: EcdsaSignature): boolean {
  return isLowS && v !== 0 && v !== 1
}

/** What is wrong with the signature of an account without code, or null. */
function refuseSignature(payment: ExactEip3009Payment, signature: Signature): Refusal | null {
  if (signature.isPayers) return null
  if (signature.isWrapped) {
    return refusal(
      'eip6492_factory_not_allowed',
      'The payer is a wallet that is not deployed yet (ERC-6492). Deploy the wallet first, then pay.',
    )
  }
  if (signature.ecdsa && !isCanonical(signature.ecdsa)) {
    return refusal(
      'signature_not_canonical',
      'The token takes only signatures with s in the lower half and v of 27 or 28. Normalise the signature.',
    )
  }
  return refusal(
    'invalid_exact_evm_signature',
    `The signature is not that of ${payment.payer} over this authorization and the domain in paymentRequirements.extra.`,
  )
}

type WalletAnswer = 'accepts' | 'refuses' | 'ran_out_of_gas'

/** EIP-1271, strictly: no recovery for an account with code, for the token does none either. */
async function askWallet(
  chain: ChainReader,
  payment: ExactEip3009Payment,
  signature: Signature,
): Promise<WalletAnswer> {
  const { from } = payment.authorization
  const call = { target: from, data: isValidSignatureCall(signature.digest, signature.inner) }
  const { results, ranOutOfGas } = await chain.callMany(payment.network, [call], payment.network.callGas.withCode)
  if (ranOutOfGas) return 'ran_out_of_gas'
  const answer = results[0]
  // A whole word, of which the first four bytes count.
  const isMagic = answer?.ok === true && answer.data.length >= 66 && answer.data.startsWith(ERC1271_MAGIC)
  return isMagic ? 'accepts' : 'refuses'
}

function refusedByWallet({ payer, network }: ExactEip3009Payment, answer: WalletAnswer): Refusal {
  const cause =
    answer === 'ran_out_of_gas'
      ? `did not finish within the ${network.callGas.withCode} gas that one payment may use`
      : 'does not accept this signature'
  return refusal(
    'invalid_exact_evm_signature',
    `The payer ${payer} is a contract, and its isValidSignature (EIP-1271) ${cause}.`,
  )
}
