import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import type { Block, Receipt, SettlementChain } from '@/lib/settlements/settlement-chain'

/** What reconciliation asks a chain for. */
export type ReconcileChain = Pick<
  SettlementChain,
  'receipts' | 'blocks' | 'authorizationStates' | 'authorizationUses' | 'head' | 'finalized' | 'walletState'
>

/** One request holds at most so many: a batch's receipt alone can have a hundred kilobytes. */
const AT_ONCE = 25
const AUTHORIZATIONS_AT_ONCE = 100
const LANES = 4
/** Transactions of a batch stand near one another, so few receipts need to be kept. */
const KEPT_RECEIPTS = 300
const TRIES = 4
const PAUSE_MS = 1_500

export type ChainReads = ReturnType<typeof chainReads>

type Sleep = (ms: number) => Promise<unknown>

/** Reads a chain for a long run: in pieces, some at once, and a node that stumbles is asked again. */
export function chainReads(chain: ReconcileChain, network: Network, sleep: Sleep) {
  const kept = new Map<Hex, Receipt | null>()
  const again = <T>(ask: () => Promise<T>) => patiently(ask, sleep)

  return {
    head: (): Promise<Block> => again(() => chain.head(network)),
    finalized: (): Promise<Block> => again(() => chain.finalized(network)),
    walletNonce: async (wallet: Hex): Promise<bigint> => (await again(() => chain.walletState(network, wallet))).nonce,

    /** Null: not mined, as far as the node knows. */
    async receipts(hashes: Iterable<Hex>): Promise<Map<Hex, Receipt | null>> {
      const wanted = [...new Set(hashes)]
      const found = await inPieces(
        wanted.filter((hash) => !kept.has(hash)),
        AT_ONCE,
        (piece) => again(() => chain.receipts(network, piece)),
      )
      const all = new Map(wanted.map((hash) => [hash, found.get(hash) ?? kept.get(hash) ?? null]))
      for (const [hash, receipt] of all) kept.set(hash, receipt)
      for (const hash of kept.keys()) if (kept.size > KEPT_RECEIPTS) kept.delete(hash)
      return all
    },

    blocks: (numbers: Iterable<bigint>): Promise<Map<bigint, Block | null>> =>
      inPieces([...new Set(numbers)], AT_ONCE, (piece) => again(() => chain.blocks(network, piece))),

    /** Those of the authorizations that were used. */
    async used<T extends { asset: Hex; payer: Hex; nonce: Hex }>(authorizations: readonly T[]): Promise<Set<T>> {
      const states = await inPieces(
        authorizations,
        AUTHORIZATIONS_AT_ONCE,
        async (piece) => (await again(() => chain.authorizationStates(network, piece, 'latest'))).used,
      )
      return new Set(authorizations.filter((authorization) => states.get(authorization) === true))
    },

    uses: (input: Parameters<SettlementChain['authorizationUses']>[1]): Promise<readonly Hex[]> =>
      again(() => chain.authorizationUses(network, input)),
  }
}

async function inPieces<Key, Value>(
  keys: readonly Key[],
  size: number,
  read: (piece: readonly Key[]) => Promise<readonly Value[]>,
): Promise<Map<Key, Value>> {
  const found = new Map<Key, Value>()
  let next = 0
  const lane = async () => {
    while (next < keys.length) {
      const piece = keys.slice(next, next + size)
      next += size
      const values = await read(piece)
      for (const [index, key] of piece.entries()) found.set(key, values[index] as Value)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return found
}

async function patiently<T>(ask: () => Promise<T>, sleep: Sleep): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === TRIES) throw error
      await sleep(PAUSE_MS)
    }
  }
}
