import { type Clock, SECOND_MS } from '@/lib/core/clock'
import type { Hex } from '@/lib/core/hex'
import type { SettlementState } from '@/lib/core/settlement-states'
import type { Network } from '@/lib/networks/networks'
import type { SettlementChain } from './settlement-chain'

/** An authorization that nobody has finished. */
export type StaleRow = {
  id: string
  tenantId: string
  network: string
  state: SettlementState
  reason: string | null
  payer: Hex
  payTo: Hex
  asset: Hex
  amount: bigint
  validBefore: bigint
  transactionHash: Hex | null
  createdAt: Date
}

export type StaleStore = {
  /** Rows older than a time that are under way, or failed with an authorization valid after a time of the chain. */
  stale(network: string, olderThan: Date, aliveAtSeconds: number, afterId: string): Promise<StaleRow[]>
}

type Deps = { now: Clock; store: StaleStore; chain: Pick<SettlementChain, 'finalized'> }
type Input = { networks: readonly Network[]; seconds: number }

export type Stale = StaleRow & { ageSeconds: number; advice: string }

const ADVICE: Partial<Record<SettlementState, string>> = {
  queued: 'nobody signed it: see that the worker is running',
  broadcast: 'sent and not mined: see the wallet, its gas and its lowest nonce',
  reorged: 'its block is gone and nobody followed: see that the worker is running',
  failed: 'it can still be paid until its authorization ends: serve nothing, sign nothing new',
}

/**
 * Authorizations without an outcome for too long, oldest first.
 *
 * @throws AppError `rpc_unavailable` when a network cannot say what is final
 */
export async function listStale({ now, store, chain }: Deps, { networks, seconds }: Input): Promise<Stale[]> {
  const nowMs = now()
  const olderThan = new Date(nowMs - seconds * SECOND_MS)
  const found: Stale[] = []
  for (const network of networks) {
    const { timestampSeconds } = await chain.finalized(network)
    for (let afterId: string | undefined = ''; afterId !== undefined; ) {
      const page: StaleRow[] = await store.stale(network.id, olderThan, timestampSeconds, afterId)
      for (const row of page) found.push({ ...row, ...describe(row, nowMs) })
      afterId = page.at(-1)?.id
    }
  }
  return found.sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
}

function describe({ createdAt, state }: StaleRow, nowMs: number) {
  return { ageSeconds: Math.floor((nowMs - createdAt.getTime()) / SECOND_MS), advice: ADVICE[state] ?? '' }
}
