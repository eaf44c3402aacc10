import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import type { SettlerDeps } from './settler'

/** Of settlements by others so many are looked at: a development chain has few. */
const MOST_OTHERS = 1_000

type Deps = Pick<SettlerDeps, 'chain' | 'store' | 'onProblem'> & { network: Network }

/**
 * For a development chain that may have lost its last blocks: what the database has of later nonces than the chain is
 * taken back, final or not, and sent again with the same bytes; so is what somebody else had paid in a lost block.
 */
export async function rewindChain(deps: Deps, wallets: readonly Hex[]): Promise<void> {
  const { chain, store, network, onProblem } = deps
  for (const wallet of wallets) {
    const { nonce } = await chain.walletState(network, wallet)
    const lost = await store.decidedFrom(network.id, wallet, nonce)
    if (lost.length === 0) continue
    onProblem('the chain is behind the database: its lost transactions are sent again', {
      network: network.id,
      wallet,
      transactions: lost.length,
    })
    for (const id of lost) await store.reopen(id)
  }
  await rewindOthers(deps)
}

/** An old block may be missing because the chain keeps only so many: that says nothing. */
async function rewindOthers({ chain, store, network, onProblem }: Deps): Promise<void> {
  const others = await store.unfinalOthers(network.id, MOST_OTHERS, 0n)
  if (others.length === 0) return
  const head = await chain.head(network)
  const numbers = [...new Set(others.flatMap(({ mined }) => (mined ? [mined.blockNumber] : [])))]
  const blocks = await chain.blocks(network, numbers)
  const hashes = new Map(numbers.map((number, index) => [number, blocks[index]?.hash]))
  const lost = others.filter(({ mined }) => {
    const hash = mined && hashes.get(mined.blockNumber)
    return mined && (mined.blockNumber > head.number || (hash !== undefined && hash !== mined.blockHash))
  })
  if (lost.length === 0) return
  onProblem('the chain is behind the database: what others had settled is watched again', {
    network: network.id,
    settlements: lost.length,
  })
  for (const row of lost) await store.reopenOther(row)
}
