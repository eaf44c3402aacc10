import { Pool } from 'pg'
import type { Address } from 'viem'
import type { TenantId } from '@/lib/core/ids'
import { LOCAL_CHAIN_ID, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_ACCOUNTS, privateKeyOf } from '@/scripts/local/dev-accounts'
import type { LocalPostgres } from '@/scripts/local/postgres'
import type { Running } from '@/scripts/local/processes'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'
import { createDatabase, type RunningWeb, startTestPostgres, startWeb, startWorker } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'
import { createSettleClient, type SettleClient } from './settle-chain-client'

type Account = (typeof DEV_ACCOUNTS)[number]

/** Pay the gas of ours. */
export const WALLETS = [3, 4, 5].map((index) => DEV_ACCOUNTS[index] as Account)
export const WALLET = WALLETS[0] as Account
/** Sends other people's authorizations from an account that the chain unlocks. */
export const STRANGER: Address = (DEV_ACCOUNTS[7] as Account).address

/** No budget is met here, whatever the base fee is driven to. */
const MUCH_WEI = '1000000000000000000000'

export const LANE_ENV = {
  LOG_LEVEL: process.env['SETTLE_CHAIN_LOG'] ?? 'silent',
  X402_GAS_BUDGET_TENANT_WEI: MUCH_WEI,
  X402_GAS_BUDGET_PAYER_WEI: MUCH_WEI,
  X402_SPEND_CAP_WALLET_WEI: MUCH_WEI,
  // The chain is stopped on purpose.
  X402_RPC_MAX_HEAD_AGE_SECONDS: '86400',
}

export type LaneOptions = {
  /** How many wallets settle. */
  wallets?: number
  /** Two epochs of so many blocks are not final yet. */
  slotsInAnEpoch?: number
  env?: Record<string, string>
  /** A second web process with an environment of its own. */
  otherWeb?: Record<string, string>
}

/** One service with a chain and a database of its own, which a scenario may disturb as it likes. */
export type Lane = {
  running: RunningChain
  chain: LocalChain
  /** What web and worker see of the chain. */
  proxy: RpcProxy
  databaseUrl: string
  pool: Pool
  tenantId: TenantId
  web: RunningWeb
  worker: Running
  client: SettleClient
  /** The same tenant at the second web process, or at the first when there is no other. */
  otherClient: SettleClient
}

export type SettleStage = {
  openLane(options?: LaneOptions): Promise<Lane>
  databaseServer: string
  atEnd(stop: () => Promise<unknown>): void
  stop(): Promise<void>
}

/** One database server for all lanes; what is opened is stopped in the end, last first. */
export async function openSettleStage(): Promise<SettleStage> {
  const postgres: LocalPostgres = await startTestPostgres()
  const stops: (() => Promise<unknown>)[] = [postgres.stop]
  const atEnd = (stop: () => Promise<unknown>) => void stops.push(stop)
  return {
    openLane: (options = {}) => openLane(postgres.url, options, atEnd),
    databaseServer: postgres.url,
    atEnd,
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop()
    },
  }
}

async function openLane(
  serverUrl: string,
  { wallets = 1, slotsInAnEpoch = 1, env, otherWeb }: LaneOptions,
  atEnd: SettleStage['atEnd'],
): Promise<Lane> {
  const extraArgs = ['--slots-in-an-epoch', String(slotsInAnEpoch)]
  const running = await startLocalChain({ blockSeconds: 1, folder: null, extraArgs })
  atEnd(running.stop)
  const proxy = await startRpcProxy(running.url)
  atEnd(proxy.stop)
  const databaseUrl = await createDatabase(serverUrl)
  const { tenantId, key } = await createTenantWithKey(databaseUrl)
  const pool = new Pool({ connectionString: databaseUrl, max: 4 })
  atEnd(() => pool.end())
  const shared = { databaseUrl, rpcUrls: { [LOCAL_CHAIN_ID]: proxy.url } }
  const X402_SIGNER_KEYS = WALLETS.slice(0, wallets).map(privateKeyOf).join(',')
  const [worker, web, other] = await Promise.all([
    startWorker({ ...shared, env: { ...LANE_ENV, X402_SIGNER_KEYS, ...env } }).then(stopped(atEnd)),
    startWeb({ ...shared, env: { ...LANE_ENV, ...env } }).then(stopped(atEnd)),
    otherWeb ? startWeb({ ...shared, env: { ...LANE_ENV, ...env, ...otherWeb } }).then(stopped(atEnd)) : null,
  ])
  const client = createSettleClient(web.base, key)
  atEnd(client.close)
  const otherClient = other ? createSettleClient(other.base, key, client.history) : client
  if (other) atEnd(otherClient.close)
  const lane = { running, chain: running.chain, proxy, databaseUrl, pool, tenantId, web, worker, client, otherClient }
  return lane
}

function stopped(atEnd: SettleStage['atEnd']) {
  return <Process extends { stop(): Promise<void> }>(process: Process): Process => {
    atEnd(process.stop)
    return process
  }
}

/** Holds the worker still while requests come, so that it takes them all in one round. */
export async function whileWorkerPaused<T>({ worker }: Pick<Lane, 'worker'>, run: () => Promise<T>): Promise<T> {
  process.kill(worker.pid, 'SIGSTOP')
  try {
    return await run()
  } finally {
    process.kill(worker.pid, 'SIGCONT')
  }
}
