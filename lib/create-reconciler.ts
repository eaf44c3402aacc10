import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import { createChain } from '@/lib/adapters/chain/create-chain'
import { createReconcileStore } from '@/lib/adapters/postgres/reconcile-store'
import { createStaleStore } from '@/lib/adapters/postgres/stale-store'
import { configuredNetworks, rpcSettings } from '@/lib/chain-settings'
import type { Env } from '@/lib/env'
import type { Network } from '@/lib/networks/networks'
import { listStale } from '@/lib/settlements/list-stale'
import { type Progress, type ReconcileInput, reconcile } from '@/lib/settlements/reconcile'

/** A page of a large table, or a sum over all of the ledger, may take its time: nobody waits for the answer. */
const QUERY_MS = 300_000

type Options = { databaseUrl: string; settings: Env; onProgress(progress: Progress): void }

/** Reconciliation and the list of stale authorizations, bound to a database and its chains. Both only read. */
export function createReconciler({ databaseUrl, settings, onProgress }: Options) {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: 4,
    connectionTimeoutMillis: 10_000,
    statement_timeout: QUERY_MS,
    application_name: 'payproof-reconcile',
  })
  // A connection that breaks while idle is noticed by the next query.
  pool.on('error', () => undefined)
  const chain = createChain({ ...rpcSettings(settings), now: Date.now })
  const store = createReconcileStore(pool)
  const deps = { now: Date.now, chain: chain.settlement }

  return {
    reconcile: async (networkId: string | null, input: Omit<ReconcileInput, 'networks'>) =>
      reconcile(
        { ...deps, store, sleep: (ms) => sleep(ms), onProgress },
        { ...input, networks: chosen(settings, await store.networks(), networkId) },
      ),
    listStale: async (networkId: string | null, seconds: number) =>
      listStale(
        { ...deps, store: createStaleStore(pool) },
        { seconds, networks: chosen(settings, await store.networks(), networkId) },
      ),
    async close(): Promise<void> {
      await chain.close()
      await pool.end()
    },
  }
}

/** The networks that have rows, or the one that was asked for. What has rows and no RPC cannot be told anything about. */
function chosen(settings: Env, withRows: readonly string[], networkId: string | null): Network[] {
  const configured = configuredNetworks(settings)
  const wanted = networkId === null ? withRows : [networkId]
  return wanted.map((id) => {
    const network = configured.find((candidate) => candidate.id === id)
    if (network) return network
    throw new Error(
      `There is no RPC for ${id}: set X402_RPC_${id.replace(':', '_').toUpperCase()}, or name another --network.`,
    )
  })
}
