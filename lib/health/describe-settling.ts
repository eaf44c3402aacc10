import type { Hex } from '@/lib/core/hex'

/** What the worker last said of a network; the settlements domain's report has this shape. */
type Report = {
  problem: string | null
  wallets: readonly { address: Hex; balanceWei: string; settlementsLeft: number | null; isLow: boolean }[]
  queue: { waiting: number; oldestSeconds: number }
  open: { transactions: number; oldestSeconds: number }
  /** As `wallet:nonce`. */
  stuckNonces: readonly string[]
  /** Those of wallets whose key the worker does not have: nobody sends them again, and none of them is decided. */
  unattended: readonly string[]
}

/** What workers and operators have written of settling. */
export type Settling = {
  /** New settlements are stopped by the environment. */
  isDisabled: boolean
  /** Stopped networks; `*` stops all. */
  stops: { has(network: string): boolean }
  networks: ReadonlyMap<string, { ageSeconds: number; report: Report }>
}

/** Whether a network takes new settlements. `no_worker`: none was heard of lately, or ever. */
type SettlementStatus = 'able' | 'problem' | 'no_worker' | 'stopped'

/** A worker reports every five seconds; one that was not heard of for so long settles nothing. */
const SILENT_SECONDS = 30

/** Whether new settlements can be made on a network, and how its wallets, its queue and its transactions are. */
export function describeSettling(settling: Settling, network: string) {
  const found = settling.networks.get(network)
  const settlement = statusOf(settling, network)
  if (!found) return { settlement }
  const { problem, wallets, queue, open, stuckNonces, unattended } = found.report
  return {
    settlement,
    settling: {
      problem,
      heardSecondsAgo: Math.round(found.ageSeconds),
      wallets: wallets.map(({ address, balanceWei, settlementsLeft, isLow }) => ({
        ...{ address, balanceWei, settlementsLeft, isLow },
        stuckNonces: noncesOf(address, stuckNonces),
      })),
      queue: { waiting: queue.waiting, oldestSeconds: Math.round(queue.oldestSeconds) },
      openTransactions: { count: open.transactions, oldestSeconds: Math.round(open.oldestSeconds) },
      unattended: [...unattended],
    },
  }
}

/** A deployment of which no worker was ever heard only verifies: nothing is wrong with it. */
export function isSettlingWell(settling: Settling, networks: readonly string[]): boolean {
  if (settling.networks.size === 0 && !isStopped(settling, networks)) return true
  return networks.every((network) => statusOf(settling, network) === 'able')
}

function isStopped({ isDisabled, stops }: Settling, networks: readonly string[]): boolean {
  return isDisabled || stops.has('*') || networks.some((network) => stops.has(network))
}

function statusOf(settling: Settling, network: string): SettlementStatus {
  if (isStopped(settling, [network])) return 'stopped'
  const found = settling.networks.get(network)
  if (!found || found.ageSeconds > SILENT_SECONDS) return 'no_worker'
  return found.report.problem === null ? 'able' : 'problem'
}

function noncesOf(wallet: string, stuck: readonly string[]): string[] {
  return stuck.filter((one) => one.startsWith(`${wallet}:`)).map((one) => one.slice(wallet.length + 1))
}
