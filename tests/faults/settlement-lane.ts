import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { LOCAL_CHAIN_ID, LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_PAYEE, DEV_WALLETS, privateKeyOf, TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { fundPayers } from '@/tests/bench/fund-payers'
import { type BenchPayer, makeBodies, makePayers } from '@/tests/bench/payments'
import { queryDatabase } from '@/tests/support/database'
import { createSettleClient, paymentKeyOf, type SettleCall, type SettleClient } from '@/tests/support/settle-client'
import type { History, HistoryInput } from '@/tests/support/settlement-history/history'
import { judgeHistory } from '@/tests/support/settlement-history/judge-history'
import { createDatabase, type RunningWeb, startWeb, startWorker } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'
import type { AtEnd } from '@/tests/support/with-cleanup'
import { openSlot, type ProcessSlot } from './process-slot'

export type LaneOptions = {
  /** Of the server, or of whatever stands before it. A database of its own is made there. */
  postgresUrl: string
  workers?: number
  webEnv?: Record<string, string>
  env?: Record<string, string>
  /** Where the workers find the chain; by default the chain itself. */
  workerRpcUrl?(chainUrl: string): Promise<string>
  /** Blocks are final when they are two epochs old. */
  slotsInAnEpoch?: number
  payers?: number
}

/** A service of its own, from database to chain, whose processes can be killed and whose every call is written down. */
export type Lane = {
  databaseUrl: string
  running: RunningChain
  chain: LocalChain
  web: ProcessSlot<RunningWeb>
  workers: readonly ProcessSlot[]
  client: SettleClient
  /** Funded payers. */
  payers: readonly BenchPayer[]
  /** Another payment of the funded payers at every call. */
  newBody(): string
  /** Remembers a payment, so that the history knows its body. */
  remember(body: string): string
  /** Settles until there is a final answer; every second seller sends an Idempotency-Key. */
  settle(body: string, withKey?: boolean): Promise<SettleCall>
  /** Payments whose transaction fails by their payer's doing. */
  mayRevert: Set<string>
  /** Judges all that happened; what is given stands in the place of what was seen. */
  judge(instead?: Partial<HistoryInput>): Promise<History>
}

/** Rich budgets: a thousand payments of few payers are no abuse here. */
const BUDGETS = {
  X402_GAS_BUDGET_TENANT_WEI: '1000000000000000000000',
  X402_GAS_BUDGET_PAYER_WEI: '1000000000000000000000',
  X402_SPEND_CAP_WALLET_WEI: '1000000000000000000000',
}
/** In which every outcome must be known. */
const PATIENCE_MS = 90_000
const PAYERS = 20

/** Starts everything that a scenario settles with; the first worker has the wallet when this answers. */
export async function openLane(options: LaneOptions, atEnd: AtEnd): Promise<Lane> {
  const { postgresUrl, webEnv, env, workers: count = 1, slotsInAnEpoch = 1, workerRpcUrl } = options
  const extraArgs = slotsInAnEpoch === 1 ? [] : ['--slots-in-an-epoch', String(slotsInAnEpoch)]
  const running = await startLocalChain({ blockSeconds: 1, folder: null, extraArgs })
  atEnd(running.stop)
  const databaseUrl = await createDatabase(postgresUrl)
  const shared = { LOG_LEVEL: 'silent', ...BUDGETS, ...env }
  const optionsOf = (rpcUrl: string, more: Record<string, string>) => ({
    databaseUrl,
    rpcUrls: { [LOCAL_CHAIN_ID]: rpcUrl },
    env: { ...shared, ...more },
  })
  const [wallet] = DEV_WALLETS
  if (!wallet) throw new Error('there is no wallet')
  const before = await stateBefore(running.chain, wallet.address)
  const workerUrl = (await workerRpcUrl?.(running.url)) ?? running.url
  const keys = { X402_SIGNER_KEYS: privateKeyOf(wallet) }
  const workers: ProcessSlot[] = []
  for (let index = 0; index < count; index++) {
    const slot = await openSlot(`worker ${index}`, () => startWorker(optionsOf(workerUrl, keys)))
    atEnd(slot.stop)
    workers.push(slot)
    // The first of them has the wallet.
    await untilLeased(databaseUrl)
  }
  const web = await openSlot('web', () => startWeb(optionsOf(running.url, { ...webEnv })))
  atEnd(web.stop)
  const { key } = await createTenantWithKey(databaseUrl)
  const client = createSettleClient({ base: () => web.now().base, key })
  atEnd(client.close)
  const payers = makePayers(options.payers ?? PAYERS)
  await fundPayers(running.chain, payers)
  return laneOf({ databaseUrl, running, web, workers, client, payers, before, wallet: wallet.address })
}

type Parts = Pick<Lane, 'databaseUrl' | 'running' | 'web' | 'workers' | 'client' | 'payers'> & {
  before: Awaited<ReturnType<typeof stateBefore>>
  wallet: Address
}

function laneOf({ before, wallet, ...parts }: Parts): Lane {
  const { client, payers, running, databaseUrl } = parts
  const { chain } = running
  const bodies = new Map<string, string>()
  const mayRevert = new Set<string>()
  const remember = (body: string) => {
    bodies.set(paymentKeyOf(body), body)
    return body
  }
  let made = 0
  return {
    ...parts,
    chain,
    mayRevert,
    remember,
    newBody: () => remember(makeBodies([payers[made++ % payers.length] as BenchPayer], 1)[0] as string),
    settle: (body, withKey = bodies.size % 2 === 0) => client.settleUntilFinal(body, withKey ? randomUUID() : null),
    judge: (instead = {}) =>
      judgeHistory({
        databaseUrl,
        chain,
        client,
        bodies,
        mayRevert,
        patienceMs: PATIENCE_MS,
        wallets: new Map([[wallet.toLowerCase(), before.wallet]]),
        sellers: new Map([
          [
            DEV_PAYEE.address.toLowerCase(),
            { tokens: before.tokens, tokensNow: () => tokensOf(chain, DEV_PAYEE.address) },
          ],
        ]),
        ...instead,
      }),
  }
}

async function stateBefore(chain: LocalChain, wallet: Address) {
  const [nonce, balance] = await Promise.all([
    chain.call<Hex>('eth_getTransactionCount', [wallet, 'latest']),
    chain.call<Hex>('eth_getBalance', [wallet, 'latest']),
  ])
  return {
    wallet: { nonce: BigInt(nonce), balance: BigInt(balance) },
    tokens: await tokensOf(chain, DEV_PAYEE.address),
  }
}

const TOKEN = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function transfer(address, uint256) returns (bool)',
])

async function tokensOf(chain: LocalChain, holder: Address): Promise<bigint> {
  const data = encodeFunctionData({ abi: TOKEN, functionName: 'balanceOf', args: [holder] })
  return BigInt(await chain.call<Hex>('eth_call', [{ to: LOCAL_USDC, data }, 'latest']))
}

/** Takes all tokens of a payer, before anything else that waits for the next block. */
export async function drain(chain: LocalChain, payer: Address): Promise<void> {
  const args = [TOKEN_OWNER.address, await tokensOf(chain, payer)] as const
  const data = encodeFunctionData({ abi: TOKEN, functionName: 'transfer', args })
  await chain.call('anvil_setBalance', [payer, '0xde0b6b3a7640000'])
  await chain.call('anvil_impersonateAccount', [payer])
  const fees = { maxFeePerGas: '0x174876e800', maxPriorityFeePerGas: '0x174876e800' }
  await chain.call('eth_sendTransaction', [{ from: payer, to: LOCAL_USDC, data, gas: '0x30d40', ...fees }])
}

async function untilLeased(databaseUrl: string): Promise<void> {
  const isLeased = async () =>
    (await queryDatabase(databaseUrl, 'SELECT 1 FROM wallets WHERE lease_owner IS NOT NULL')).length > 0
  while (!(await isLeased())) await sleep(20)
}

/** Ends what a worker that is dead had taken, which would otherwise be all that a scenario waits for. */
export async function endLease(databaseUrl: string): Promise<void> {
  await queryDatabase(databaseUrl, 'UPDATE wallets SET lease_until = now()')
  await queryDatabase(databaseUrl, 'UPDATE settlements SET taken_until = NULL WHERE is_ready')
}
