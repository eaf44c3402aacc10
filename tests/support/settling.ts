import type { Address, Hex, LocalAccount } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { transferCall } from '@/lib/payments/exact-eip3009/calls'
import { LOCAL_CHAIN_ID, LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { connectLocalChain } from '@/scripts/local/chain-rpc'
import { DEV_WALLETS, privateKeyOf, TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import type { Running } from '@/scripts/local/processes'
import { mint } from '@/scripts/local/usdc'
import { type Answer, call } from './api'
import type { buildPayment } from './build-payment'
import { createDatabase, type RunningWeb, startWeb, startWorker, type WebOptions } from './stack'

/** Budgets of gas that no test meets without wanting to. */
export const AMPLE_GAS = {
  X402_GAS_BUDGET_TENANT_WEI: '1000000000000000000000',
  X402_GAS_BUDGET_PAYER_WEI: '1000000000000000000000',
  X402_SPEND_CAP_WALLET_WEI: '1000000000000000000000',
}

/** Pays the gas in the service of the integration tests. */
export const SETTLER = DEV_WALLETS[0] as (typeof DEV_WALLETS)[number]

/** What the worker signs with; the second wallet is for a second worker on the same chain. */
export const signerOf = (index: 0 | 1) => ({
  X402_SIGNER_KEYS: DEV_WALLETS.slice(index, index + 1)
    .map(privateKeyOf)
    .join(),
})

/** A payer nobody else uses, with money on a local chain. */
export async function newPayer(rpcUrl: string, funds = 1_000_000n): Promise<LocalAccount> {
  const payer = privateKeyToAccount(generatePrivateKey())
  if (funds > 0n) await mint(connectLocalChain(rpcUrl), LOCAL_USDC, TOKEN_OWNER.address, payer.address, funds)
  return payer
}

export const newPayee = (): Address => privateKeyToAccount(generatePrivateKey()).address

/** The call that carries a payment out, whoever sends it. */
export function callDataOf({ paymentPayload }: Awaited<ReturnType<typeof buildPayment>>): Hex {
  const { authorization, signature } = paymentPayload.payload
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  const times = { validAfter: BigInt(validAfter), validBefore: BigInt(validBefore) }
  return transferCall({ from, to, nonce, value: BigInt(value), ...times }, signature)
}

type SettleOptions = { idempotencyKey?: string }

/** One request to /settle. */
export function settle(
  base: string,
  key: string,
  body: unknown,
  { idempotencyKey }: SettleOptions = {},
): Promise<Answer> {
  return call(`${base}/settle`, {
    key,
    body,
    ...(idempotencyKey && { headers: { 'idempotency-key': idempotencyKey } }),
  })
}

/** What an account holds of the local USDC, in atomic units. */
export async function balanceOf(rpcUrl: string, account: Address): Promise<bigint> {
  const data = `0x70a08231${account.slice(2).toLowerCase().padStart(64, '0')}`
  return BigInt(await connectLocalChain(rpcUrl).call<Hex>('eth_call', [{ to: LOCAL_USDC, data }, 'latest']))
}

/** How many transactions a wallet has given to the chain, those that wait for a block included. */
export async function broadcastsOf(rpcUrl: string, wallet: Address = SETTLER.address): Promise<number> {
  return Number(await connectLocalChain(rpcUrl).call<Hex>('eth_getTransactionCount', [wallet, 'pending']))
}

export type OwnService = {
  running: RunningChain
  databaseUrl: string
  web: RunningWeb
  worker: Running | null
  /** How it was started, to start another process beside it. */
  options: WebOptions
  stop(): Promise<void>
}

type OwnOptions = {
  postgresUrl: string
  /** 0: a block for every transaction at once, and none without one. */
  blockSeconds?: 0 | 1
  env?: Record<string, string>
  hasWorker?: boolean
  /** A chain that stands in for another network than Base Sepolia. */
  network?: { chainId: number; prepare(running: RunningChain): Promise<void> }
}

/** A service with a chain and a database of its own, for tests that pause, stop or starve it. */
export async function startOwnService(own: OwnOptions): Promise<OwnService> {
  const { postgresUrl, blockSeconds = 1, env = {}, hasWorker = true, network } = own
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each()
  }
  try {
    const running = await startLocalChain({ blockSeconds, folder: null })
    stops.push(running.stop)
    await network?.prepare(running)
    const databaseUrl = await createDatabase(postgresUrl)
    const rpcUrls = { [network?.chainId ?? LOCAL_CHAIN_ID]: running.url }
    // Where blocks come with transactions only, the head may be of any age.
    const head = blockSeconds === 0 ? { X402_RPC_MAX_HEAD_AGE_SECONDS: '0' } : {}
    const options: WebOptions = { databaseUrl, rpcUrls, env: { ...AMPLE_GAS, ...head, ...env } }
    const worker = hasWorker ? await startWorker({ ...options, env: { ...options.env, ...signerOf(0) } }) : null
    if (worker) stops.push(worker.stop)
    const web = await startWeb(options)
    stops.push(web.stop)
    return { running, databaseUrl, web, worker, options, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
