import type { Hex } from '@/lib/core/hex'
import { authorizationStateCall, balanceOfCall } from '@/lib/core/token'
import type { ChainReader, ContractResult } from '@/lib/networks/chain-reader'
import { type Refusal, refusal } from '@/lib/payments/verdict'
import { transferCall } from './calls'
import type { ExactEip3009Payment } from './payment'

export type Simulation = {
  block: bigint
  /** The token took the transfer, and the authorization was unused before it. */
  succeeded: boolean
  /** Null: the token could not say. */
  wasUsed: boolean | null
  ranOutOfGas: boolean
  /** Why it failed, in the token's words. */
  revertText: string | null
}

const ERROR_STRING = '0x08c379a0'
const UINT256_TRUE = `0x${'1'.padStart(64, '0')}`
const UINT256_FALSE = `0x${'0'.repeat(64)}`

/**
 * Reads the authorization's state and then makes the very call that would settle, both upon one state. The state is
 * read always, for not every token reverts on a used authorization.
 */
export async function simulate(
  chain: ChainReader,
  payment: ExactEip3009Payment,
  signature: Hex,
  payer: 'withCode' | 'withoutCode',
): Promise<Simulation> {
  const { network, terms, authorization } = payment
  const gas = network.callGas[payer]
  const { block, results, ranOutOfGas } = await chain.callMany(
    network,
    [
      { target: terms.asset, data: authorizationStateCall(authorization.from, authorization.nonce) },
      { target: terms.asset, data: transferCall(authorization, signature) },
    ],
    gas,
  )
  const [state, transfer] = results
  const wasUsed = readBool(state)
  return {
    block,
    wasUsed,
    ranOutOfGas,
    succeeded: transfer?.ok === true && wasUsed === false,
    revertText: ranOutOfGas ? `it ran out of the ${gas} gas that one payment may use` : revertText(transfer?.data),
  }
}

/** Why a payment that looked right would not settle: the first cause that fits, in the reference's order. */
export async function explainFailure(
  chain: ChainReader,
  payment: ExactEip3009Payment,
  simulation: Simulation | null,
): Promise<Refusal> {
  const { terms } = payment
  if (simulation?.wasUsed === true) {
    return refusal(
      'invalid_exact_evm_nonce_already_used',
      'This authorization was used or cancelled before. Look the payment up before you sign another.',
    )
  }
  if (simulation?.wasUsed === null && !simulation.ranOutOfGas) {
    return refusal(
      'invalid_exact_evm_eip3009_not_supported',
      `The token ${terms.asset} does not answer authorizationState, so it cannot be paid with by EIP-3009.`,
    )
  }
  const wrongDomain = refuseDomain(payment)
  if (wrongDomain) return wrongDomain
  const balance = await readBalance(chain, payment)
  if (balance !== null && balance < terms.amount) {
    return refusal(
      'invalid_exact_evm_insufficient_balance',
      `The payer holds ${balance} atomic units, the payment is over ${terms.amount}. Fund the payer.`,
    )
  }
  const cause = simulation?.revertText ? `: ${simulation.revertText}` : ''
  return refusal(
    'invalid_exact_evm_transaction_simulation_failed',
    `The token refuses this transfer${cause}. It would not settle.`,
  )
}

function refuseDomain({ asset, domain, network }: ExactEip3009Payment): Refusal | null {
  if (asset && domain?.name !== asset.name) {
    return refusal(
      'invalid_exact_evm_token_name_mismatch',
      `The EIP-712 name "${domain?.name}" is not the token's "${asset.name}" on ${network.id}. Set paymentRequirements.extra.name to "${asset.name}".`,
    )
  }
  if (asset && domain?.version !== asset.version) {
    return refusal(
      'invalid_exact_evm_token_version_mismatch',
      `The EIP-712 version "${domain?.version}" is not the token's "${asset.version}" on ${network.id}. Set paymentRequirements.extra.version to "${asset.version}".`,
    )
  }
  return null
}

async function readBalance(chain: ChainReader, { network, terms, authorization }: ExactEip3009Payment) {
  const call = { target: terms.asset, data: balanceOfCall(authorization.from) }
  const { results } = await chain.callMany(network, [call], network.callGas.withoutCode)
  const balance = results[0]
  return balance?.ok && balance.data.length === 66 ? BigInt(balance.data) : null
}

function readBool(result: ContractResult | undefined): boolean | null {
  if (!result?.ok) return null
  if (result.data === UINT256_TRUE) return true
  return result.data === UINT256_FALSE ? false : null
}

/** The text of `Error(string)`, printable and short, for it goes to a stranger; null for any other revert. */
function revertText(data: Hex | undefined): string | null {
  if (!data?.startsWith(ERROR_STRING)) return null
  const length = Number.parseInt(data.slice(10 + 64, 10 + 128), 16)
  const bytes = Buffer.from(data.slice(10 + 128, 10 + 128 + Math.min(length || 0, 160) * 2), 'hex')
  return bytes.toString('utf8').replace(/[^\x20-\x7e]/g, '') || null
}
