import type { Hex } from '@/lib/core/hex'
import type { Settlement } from '@/lib/settlements/settlement'
import type { SettlerStore } from '@/lib/settlements/settler-store'
import { type StoredTransaction, type Tables, toSettlement } from './tables'

/** The oldest and the newest by their block, so many of each. */
function bothEnds<Kept>(all: readonly Kept[], most: number, blockOf: (kept: Kept) => bigint | null): Kept[] {
  const sorted = [...all].sort((a, b) => Number((blockOf(a) ?? 0n) - (blockOf(b) ?? 0n)))
  return sorted.filter((_, index) => index < most || index >= sorted.length - most)
}

type Watching = Pick<SettlerStore, 'unfinal' | 'finalize' | 'unfinalOthers' | 'finalizeOther' | 'decidedFrom'>

/** What is decided, and final or not. */
export function createWatching(tables: Tables): Watching {
  const { rows } = tables
  const decided = () => [...tables.transactions.values()].filter(({ state }) => state === 'decided')
  const toUnfinal = ({ id, blockNumber, blockHash }: StoredTransaction) => ({
    transactionId: id,
    blockNumber: blockNumber as bigint,
    blockHash: blockHash as Hex,
  })
  return {
    async unfinal(network, most) {
      const unfinal = decided().filter((transaction) => transaction.network === network && !transaction.isFinal)
      return bothEnds(unfinal, most, ({ blockNumber }) => blockNumber).map(toUnfinal)
    },
    async finalize(blocks) {
      const final = blocks.filter(({ transactionId, blockHash }) => {
        const found = tables.transactions.get(transactionId)
        return found?.state === 'decided' && found.blockHash === blockHash
      })
      const ids = new Set(final.map(({ transactionId }) => transactionId))
      for (const id of ids) (tables.transactions.get(id) as StoredTransaction).isFinal = true
      const paid = [...rows.values()].filter(
        ({ transactionId, state }) => transactionId && ids.has(transactionId) && state === 'mined',
      )
      for (const row of paid) tables.change(row, 'finalize', 'final')
      return paid.length
    },
    async unfinalOthers(network, most, fromBlock) {
      const isAsked = ({ isOtherFinal, mined }: Settlement) =>
        !isOtherFinal || (fromBlock !== undefined && (mined?.blockNumber ?? 0n) >= fromBlock)
      const others = [...rows.values()].filter((row) => row.network === network && row.state === 'settled_by_other')
      return bothEnds(others.filter(isAsked), most, ({ mined }) => mined?.blockNumber ?? null).map(toSettlement)
    },
    async finalizeOther({ id, version }) {
      const row = rows.get(id)
      if (!tables.isUnchanged(row, version) || row.state !== 'settled_by_other') return false
      row.isOtherFinal = true
      tables.onChanged(id)
      return true
    },
    async decidedFrom(network, wallet, nonce) {
      return decided()
        .filter((transaction) => transaction.network === network && transaction.wallet === wallet)
        .filter((transaction) => transaction.nonce >= nonce)
        .sort((a, b) => Number(a.nonce - b.nonce))
        .map(toUnfinal)
    },
  }
}
