import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import { findTransfer } from './judge'
import type { MinedTransfer, Settlement } from './settlement'
import type { Receipt, SettlementChain } from './settlement-chain'

export type FindPaymentDeps = {
  chain: Pick<SettlementChain, 'head' | 'blocks' | 'receipts' | 'authorizationUses' | 'authorizationStates'>
  network: Network
}

/** `too_young`: its block is not deep enough, or not canonical yet. `none`: what used the authorization did not pay. */
export type Found = { transfer: MinedTransfer } | 'too_young' | 'none'

/**
 * Looks for the transaction that used an authorization, whoever sent it. The search starts behind the block at which
 * the authorization was seen unused: what lies before it was not made for this seller.
 */
export async function findPayment({ chain, network }: FindPaymentDeps, row: Settlement): Promise<Found> {
  const { asset, payer, nonce, seenUnusedBlock } = row
  const search = { asset, payer, nonce, fromBlock: seenUnusedBlock + 1n }
  const hashes = await chain.authorizationUses(network, search)
  if (hashes.length === 0) return unlogged({ chain, network }, search)
  const receipts = await chain.receipts(network, hashes)
  const paying = receipts.flatMap((receipt) => {
    const position = receipt?.succeeded ? findTransfer(receipt.logs, row) : null
    return receipt && position !== null ? [{ ...blockOf(receipt), position }] : []
  })
  const [transfer] = await deepOnes({ chain, network }, paying)
  if (transfer) return { transfer }
  return paying.length > 0 || receipts.includes(null) ? 'too_young' : 'none'
}

type Search = Parameters<SettlementChain['authorizationUses']>[1]

/**
 * A used authorization without a log was cancelled, or its node is behind the one that called it used: the silence
 * counts only of a node that has come to a block at which it is used.
 */
async function unlogged({ chain, network }: FindPaymentDeps, search: Search): Promise<'too_young' | 'none'> {
  const { block, used } = await chain.authorizationStates(network, [search], 'latest')
  if (!used[0]) return 'too_young'
  const hashes = await chain.authorizationUses(network, { ...search, throughBlock: block.number })
  return hashes.length > 0 ? 'too_young' : 'none'
}

type Placed = { blockNumber: bigint; blockHash: Hex }
type DeepDeps = Pick<FindPaymentDeps, 'network'> & { chain: Pick<SettlementChain, 'head' | 'blocks'> }

/** Those whose block is canonical and has the network's confirmations: a node may show some that have neither. */
export async function deepOnes<Receipt extends Placed>(
  { chain, network }: DeepDeps,
  receipts: readonly Receipt[],
): Promise<Receipt[]> {
  if (receipts.length === 0) return []
  const head = await chain.head(network)
  const old = receipts.filter(({ blockNumber }) => head.number - blockNumber + 1n >= BigInt(network.confirmations))
  const numbers = [...new Set(old.map(({ blockNumber }) => blockNumber))]
  if (numbers.length === 0) return []
  const blocks = await chain.blocks(network, numbers)
  const hashes = new Map(blocks.flatMap((block) => (block ? [[block.number, block.hash] as const] : [])))
  return old.filter(({ blockNumber, blockHash }) => hashes.get(blockNumber) === blockHash)
}

function blockOf({ transactionHash, blockNumber, blockHash }: Receipt): Omit<MinedTransfer, 'position'> {
  return { transactionHash, blockNumber, blockHash }
}
