import { bytesToHex, type Hex } from 'viem'
import type { HDAccount } from 'viem/accounts'
import { LOCAL_CHAIN_ID, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { createDatabase, type RunningWeb, startTestPostgres, startWeb, startWorker } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

/** Sends our transactions; it pays nothing and is paid nothing, so its nonce counts what was broadcast. */
export const SETTLER = DEV_ACCOUNTS[2] as HDAccount

export type Stage = { running: RunningChain; webs: RunningWeb[]; key: string; stop(): Promise<void> }

/** One service with a worker and as many web processes as there are environments, and a tenant without limits. */
export async function openStage(environments: Record<string, string>[]): Promise<Stage> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each()
  }
  try {
    const postgres = await startTestPostgres()
    stops.push(postgres.stop)
    const running = await startLocalChain({ blockSeconds: 1, folder: null })
    stops.push(running.stop)
    const databaseUrl = await createDatabase(postgres.url)
    const shared = { databaseUrl, rpcUrls: { [LOCAL_CHAIN_ID]: running.url } }
    const worker = await startWorker({ ...shared, env: { X402_SIGNER_KEYS: keyOf(SETTLER) } })
    stops.push(worker.stop)
    const webs: RunningWeb[] = []
    for (const env of environments) {
      const web = await startWeb({ ...shared, env })
      stops.push(web.stop)
      webs.push(web)
    }
    const { key } = await createTenantWithKey(databaseUrl)
    return { running, webs, key, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export function keyOf(account: HDAccount): Hex {
  return bytesToHex(account.getHdKey().privateKey as Uint8Array)
}
