import { toAppError } from '@/lib/core/errors'
import type { Network } from '@/lib/networks/networks'
import type { Settlement } from './settlement'
import type { Block } from './settlement-chain'
import type { SettlerDeps } from './settler'

const MOST = 200

type Deps = Pick<SettlerDeps, 'chain' | 'store' | 'onProblem'> & { network: Network }

/**
 * Follows what is mined until the network calls its block finalized. Where another block has its place, its ledger
 * entries are reversed and its transactions are open again, with the same bytes. A node that does not know the place
 * yet says nothing.
 */
export async function watchFinal({ chain, store, network, onProblem }: Deps): Promise<void> {
  const [transactions, others] = await Promise.all([
    store.unfinal(network.id, MOST),
    store.unfinalOthers(network.id, MOST),
  ])
  if (transactions.length + others.length === 0) return
  // What is gone is followed also where a node does not say what is final.
  const finalized = await chain.finalized(network).catch((error: unknown) => {
    const { cause, message } = toAppError(error)
    onProblem('what is final could not be read', { err: cause ?? message, network: network.id })
    return null
  })
  const numbers = new Set([
    ...transactions.map(({ blockNumber }) => blockNumber),
    ...others.flatMap(({ mined }) => (mined ? [mined.blockNumber] : [])),
  ])
  const canonical = await blocksOf({ chain, network }, [...numbers])
  const stateOf = ({ blockNumber, blockHash }: { blockNumber: bigint; blockHash: string }): BlockState => {
    const block = canonical.get(blockNumber)
    if (!block) return 'unknown'
    if (block.hash !== blockHash) return 'gone'
    return finalized && blockNumber <= finalized.number ? 'final' : 'young'
  }
  const final = transactions.filter((transaction) => stateOf(transaction) === 'final')
  if (final.length > 0) await store.finalize(final)
  for (const transaction of transactions.filter((transaction) => stateOf(transaction) === 'gone')) {
    const block = transaction.blockNumber.toString()
    onProblem('a block with settlements is gone', { network: network.id, block })
    await store.reopen(transaction)
  }
  for (const row of others) await followOther(store, row, row.mined ? stateOf(row.mined) : 'gone')
}

type BlockState = 'unknown' | 'gone' | 'young' | 'final'

async function followOther(store: Deps['store'], row: Settlement, state: BlockState): Promise<void> {
  if (state === 'gone') await store.reopenOther(row)
  else if (state === 'final') await store.finalizeOther(row)
}

async function blocksOf(
  { chain, network }: Pick<Deps, 'chain' | 'network'>,
  numbers: readonly bigint[],
): Promise<Map<bigint, Block>> {
  const blocks = await chain.blocks(network, numbers)
  return new Map(blocks.flatMap((block) => (block ? [[block.number, block] as const] : [])))
}
