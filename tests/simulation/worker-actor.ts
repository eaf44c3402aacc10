import type { Hex } from '@/lib/core/hex'
import { WalletRunner } from '@/lib/settlements/run-wallet'
import type { SettlerDeps } from '@/lib/settlements/settler'
import type { TransactionSigner } from '@/lib/settlements/signer'
import { watchFailed } from '@/lib/settlements/watch-failed'
import { watchFinal } from '@/lib/settlements/watch-final'
import { GWEI, MULTICALL } from './chain'
import { createChainPort, hashOf, toRaw } from './chain-port'
import type { Process } from './scheduler'
import { behindGate } from './store-gate'
import type { World } from './world'

const SECOND_MS = 1_000

/** A worker: a loop for each wallet and the chores of the network, all in one process. */
export function startWorker(world: World, name: string): { process: Process; stop(): void } {
  const { scheduler, scenario } = world
  const process = scheduler.process(name)
  const store = behindGate(world, process, world.workerStore, () => new Error('Connection terminated unexpectedly'))
  const deps: SettlerDeps = {
    now: scheduler.now,
    chain: world.asSeen(createChainPort(world, process)),
    store,
    encodeBatch: (calls) => ({ to: MULTICALL, data: `0x${calls.map(({ data }) => data).join('|')}` }),
    onProblem: (message) => scheduler.note(`  ${name}: ${message}`),
  }
  let isStopped = false
  const loop = async (everyMs: number, run: () => Promise<unknown>, isWoken = false) => {
    while (!isStopped) {
      await run().catch((error) => scheduler.note(`  ${name}: ${error}`))
      const { done, wake } = scheduler.sleep(process, scheduler.isQuiet ? 2 * everyMs : everyMs)
      if (isWoken) world.wakers.add(wake)
      await done
      world.wakers.delete(wake)
    }
  }
  const ofNetwork = { ...deps, network: scenario.network }
  for (const [index, wallet] of scenario.wallets.entries()) {
    const limits = { feeCapWei: 100n * GWEI, walletHourWei: 10n ** 20n }
    const runner = new WalletRunner({ ...ofNetwork, signer: createSigner(wallet), limits }, `${name}/${index}`)
    void loop(SECOND_MS, () => runner.tick(), true).then(() => runner.stop().catch(() => undefined))
  }
  void loop(SECOND_MS, () => store.releaseOverdue(scenario.network.id))
  void loop(2 * SECOND_MS, () => watchFinal(ofNetwork))
  void loop(2 * SECOND_MS, () => watchFailed(ofNetwork))
  return {
    process,
    stop() {
      isStopped = true
    },
  }
}

function createSigner(address: Hex): TransactionSigner {
  return {
    address,
    async sign({ nonce, to, data, gas, maxFeePerGas: maxFeeWei, maxPriorityFeePerGas: tipWei }) {
      const raw = toRaw({ wallet: address, nonce, to, data, gas, maxFeeWei, tipWei })
      return { raw, hash: hashOf(raw) }
    },
  }
}
