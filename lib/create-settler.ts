import { randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { createChain } from '@/lib/adapters/chain/create-chain'
import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import { Listener } from '@/lib/adapters/postgres/settlement-listener'
import { QUEUED_CHANNEL } from '@/lib/adapters/postgres/settlement-sql'
import { createSettlerStore } from '@/lib/adapters/postgres/settler-store'
import { loadSigners } from '@/lib/adapters/signers/load-signers'
import type { Logger } from '@/lib/adapters/telemetry/logger'
import { configuredNetworks, rpcSettings } from '@/lib/chain-settings'
import { lowerHex } from '@/lib/core/hex'
import { keccakReady } from '@/lib/core/keccak'
import { MULTICALL3 } from '@/lib/core/token'
import { createNetworks } from '@/lib/create-networks'
import type { Env } from '@/lib/env'
import { rewindChain } from '@/lib/settlements/rewind-chain'
import { runNetwork } from '@/lib/settlements/run-network'
import { WalletRunner } from '@/lib/settlements/run-wallet'
import type { GasLimits, SettlerDeps } from '@/lib/settlements/settler'
import { createTransactionSigner } from '@/lib/settlements/transaction-signer'
import { runLoop } from '@/lib/settlements/wallet-loop'

const TRANSACTION_GAS = 16_777_216n

/** Everything that settles: for each served network its chores, and for each of our wallets there a loop. */
export async function startSettler(settings: Env, pool: Pool, logger: Logger): Promise<{ stop(): Promise<void> }> {
  const deps = createDeps(settings, pool, logger)
  const networks = createNetworks(settings, deps, logger)
  await Promise.all([keccakReady, networks.start()])
  const signers = await createSigners(settings, networks)
  const stops: (() => Promise<void>)[] = []
  const wakers = new Map<string, Set<() => void>>()
  for (const network of configuredNetworks(settings)) {
    const wallets = signers.map(({ address }) => address)
    const ofNetwork = { ...deps.settler, network }
    if (settings.X402_CHAIN_REWINDS === 'true') await rewindChain(ofNetwork, wallets)
    const runners = signers.map(
      (signer) => new WalletRunner({ ...ofNetwork, signer, limits: deps.limits }, randomUUID()),
    )
    const loops = runners.map((runner) => runLoop(runner, network, () => networks.status(network) === 'served'))
    wakers.set(network.id, new Set(loops.map(({ wake }) => wake)))
    stops.push(...loops.map(({ stop }) => stop))
    const lowSettlements = settings.X402_LOW_BALANCE_SETTLEMENTS
    const chores = await runNetwork({ ...ofNetwork, wallets, limits: deps.limits, lowSettlements })
    stops.push(chores.stop)
  }
  const wake = (network: string) => {
    for (const one of wakers.get(network) ?? []) one()
  }
  const listener = new Listener({ url: settings.DATABASE_URL ?? '', channel: QUEUED_CHANNEL, heard: wake })
  listener.start()
  return {
    async stop() {
      await Promise.all([listener.stop(), ...stops.map((stop) => stop())])
      networks.stop()
      await deps.close()
    },
  }
}

function createDeps(settings: Env, pool: Pool, logger: Logger) {
  const chain = createChain({ ...rpcSettings(settings), now: Date.now })
  const settler: SettlerDeps = {
    now: Date.now,
    chain: chain.settlement,
    store: createSettlerStore(pool),
    encodeBatch: (calls) => ({ to: MULTICALL3, data: encodeAggregate(calls) }),
    onProblem: (message, details) => logger.warn(details, message),
  }
  const limits: GasLimits = {
    feeCapWei: settings.X402_FEE_CAP_WEI,
    walletHourWei: settings.X402_SPEND_CAP_WALLET_WEI,
  }
  return { settler, limits, reader: chain.reader, close: chain.close }
}

/** Of a wallet with code; an account's needs a twentieth. */
const GAS_OF_ONE_PAYMENT = 1_500_000n

async function createSigners(settings: Env, networks: ReturnType<typeof createNetworks>) {
  const keys = await loadSigners({
    keys: settings.X402_SIGNER_KEYS,
    keyFile: settings.X402_SIGNER_KEY_FILE,
    kmsKeys: settings.X402_SIGNER_KMS_KEYS,
    kmsEndpoint: settings.X402_SIGNER_KMS_ENDPOINT,
  })
  const stateOf = (chainId: number) => networks.states().find(({ network }) => network.chainId === chainId)
  return keys.map((key) =>
    createTransactionSigner(key, (chainId) => {
      const state = stateOf(chainId)
      if (state?.status !== 'served') return null
      return {
        chainId,
        assets: new Set(state.assets.map(({ address }) => lowerHex(address))),
        gasPerPayment: GAS_OF_ONE_PAYMENT,
        transactionGas: TRANSACTION_GAS,
        feeCapWei: settings.X402_FEE_CAP_WEI,
      }
    }),
  )
}
