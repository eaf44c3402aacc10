import { addressWord, type Hex, word } from '@/lib/core/hex'
import { AUTHORIZATION_USED, TRANSFER } from '@/lib/core/token'
import type { SignedTransfer } from './settlement'
import type { Log } from './settlement-chain'

type Judged = Pick<SignedTransfer, 'asset' | 'payer' | 'payTo' | 'amount' | 'nonce'>

/**
 * The one judge of what counts as paid, in batches, single transactions and other people's transactions: the asset's
 * `AuthorizationUsed(payer, nonce)` and, as the very next log of the same transaction, its `Transfer` of exactly the
 * amount from the payer to the seller. A looser rule takes one transfer for two payments.
 *
 * @returns the position of the `Transfer` among the transaction's logs, or null
 */
export function findTransfer(logs: readonly Log[], payment: Judged): number | null {
  const used = usedTopics(payment)
  for (const [index, log] of logs.entries()) {
    if (log.address !== payment.asset || !isSame(log.topics, used)) continue
    const next = logs[index + 1]
    return next && isTransferOf(next, payment) ? next.position : null
  }
  return null
}

function isTransferOf({ address, topics, data }: Log, { asset, payer, payTo, amount }: Judged): boolean {
  const wanted: Hex[] = [TRANSFER, `0x${addressWord(payer)}`, `0x${addressWord(payTo)}`]
  return address === asset && isSame(topics, wanted) && data === `0x${word(amount)}`
}

function usedTopics({ payer, nonce }: Judged): Hex[] {
  return [AUTHORIZATION_USED, `0x${addressWord(payer)}`, nonce]
}

function isSame(got: readonly string[], wanted: readonly string[]): boolean {
  return got.length === wanted.length && wanted.every((topic, index) => got[index] === topic)
}
