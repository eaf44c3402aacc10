import { LeaseLost } from '@/lib/adapters/postgres/settler-sign'
import { SECOND_MS } from '@/lib/core/clock'
import type { SettlerStore } from '@/lib/settlements/settler-store'
import { decide, payOne, reopen, reopenOther } from './decisions'
import type { StoredWallet, Tables } from './tables'
import { createRows } from './worker-rows'
import { addAttempt, holds, sign, toOpen } from './worker-signing'
import { createWatching } from './worker-watching'

const LEASE_MS = 15 * SECOND_MS

/** The settlements as the worker needs them, in memory: the same answers as the adapter of Postgres gives. */
export function createMemoryWorkerStore(tables: Tables): SettlerStore {
  const { now } = tables
  return {
    ...createRows(tables),
    ...createWatching(tables),
    async registerWallet(network, address, chainNonce) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (!wallet) {
        tables.wallets.set(`${network}/${address}`, { nextNonce: chainNonce, fence: 0n, owner: null, untilMs: null })
      } else if (chainNonce > wallet.nextNonce) wallet.nextNonce = chainNonce
    },
    async lease(network, address, owner) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (!wallet || !isFree(wallet, owner, now())) return null
      const isKept = wallet.owner === owner && wallet.untilMs !== null && wallet.untilMs > now()
      const fence = isKept ? wallet.fence : wallet.fence + 1n
      Object.assign(wallet, { owner, fence, untilMs: now() + LEASE_MS })
      return { network, wallet: address, owner, fence }
    },
    async release({ network, wallet: address, owner, fence }) {
      const wallet = tables.wallets.get(`${network}/${address}`)
      if (wallet?.owner === owner && wallet.fence === fence) wallet.untilMs = now()
    },
    sign: (input) => sign(tables, input),
    async addAttempt(lease, transaction, attempt) {
      if (!holds(tables, lease)) throw new LeaseLost(lease)
      return addAttempt(tables, lease, transaction, attempt)
    },
    async openTransactions(network, wallet, known) {
      return tables
        .open()
        .filter((transaction) => transaction.network === network && transaction.wallet === wallet)
        .sort((a, b) => Number(a.nonce - b.nonce))
        .map((transaction) => {
          const before = known.get(transaction.id)
          return before?.attempts.length === transaction.attempts.length ? before : toOpen(transaction)
        })
    },
    decide: async (decision) => decide(tables, decision),
    preempt: async (row, transfer, entries) => payOne(tables, row, { transfer, entries }),
    reopen: async (unfinal) => reopen(tables, unfinal),
    reopenOther: async (row) => reopenOther(tables, row),
    spentThisHour: async (network, wallet) => tables.spent.get(`wallet/${network}/${wallet}`) ?? 0n,
    async queueState(network) {
      const waiting = [...tables.rows.values()].filter((row) => row.network === network && row.isReady).length
      return { waiting, oldestSeconds: 0, open: tables.open().length, oldestOpenSeconds: 0, stuckNonces: [] }
    },
    report: async () => undefined,
  }
}

function isFree({ owner, untilMs }: StoredWallet, asking: string, nowMs: number): boolean {
  return owner === asking || untilMs === null || untilMs <= nowMs
}
