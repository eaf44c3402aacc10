import type { Receipt, SettlementChain } from '@/lib/settlements/settlement-chain'
import { type Authorization, isTransferLog, transferLog, usedLog } from './chain-state'

type Break = (chain: SettlementChain, authorizations: readonly Authorization[]) => SettlementChain

/** A judge that takes any transfer of the amount for any payment of it: as such it reads every receipt. */
export const acceptsAnyTransfer: Break = (chain, authorizations) => ({
  ...chain,
  async receipts(network, hashes) {
    const read = await chain.receipts(network, hashes)
    return read.map((receipt) => (receipt ? loosely(receipt, authorizations) : null))
  },
})

function loosely(receipt: Receipt, authorizations: readonly Authorization[]): Receipt {
  const extra = authorizations.flatMap((authorization) => {
    const wanted = transferLog(authorization)
    const isIt = ({ topics, data }: typeof wanted) => data === wanted.data && topics.join() === wanted.topics.join()
    const found = receipt.logs.find((log) => isTransferLog(log) && isIt(log))
    return found ? [{ ...usedLog(authorization), position: found.position }, found] : []
  })
  return { ...receipt, logs: [...extra, ...receipt.logs] }
}

/** A worker that believes every block at once. */
export const believesEveryBlock: Break = (chain) => ({
  ...chain,
  async finalized(network) {
    return chain.head(network)
  },
})

/** A worker that takes no answer for a refusal. */
export const takesSilenceForNever: Break = (chain) => ({
  ...chain,
  async receipts(network, hashes) {
    const read = await chain.receipts(network, hashes)
    return read.map((receipt) => (receipt?.succeeded ? { ...receipt, logs: [] } : receipt))
  },
})
