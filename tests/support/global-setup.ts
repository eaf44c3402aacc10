import type { TestProject } from 'vitest/node'
import { LOCAL_CHAIN_ID, startLocalChain } from '@/scripts/local/chain'
import { startRedis } from './redis'
import { AMPLE_GAS, signerOf } from './settling'
import { createDatabase, startTestPostgres, startWeb, startWorker, type WebOptions } from './stack'

type Service = { url: string; base: string; databaseUrl: string; rpcUrl: string; redisUrl: string; postgresUrl: string }

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be merged with vitest's own.
  export interface ProvidedContext {
    service: Service
    /** The same without a worker, so that rows which a test writes by itself stay as they are. */
    withoutWorker: Service
  }
}

/** One service for all integration tests: real Postgres, Redis and chain; each test has tenants of its own. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each()
  }
  const kept = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting
    stops.push(() => started.stop())
    return started
  }
  try {
    const postgres = await kept(startTestPostgres())
    const redis = await kept(startRedis())
    const chain = await kept(startLocalChain({ blockSeconds: 1, folder: null }))
    const shared = { rpcUrl: chain.url, redisUrl: redis.url, postgresUrl: postgres.url }
    const open = async (hasWorker: boolean): Promise<Service> => {
      const databaseUrl = await createDatabase(postgres.url)
      const options: WebOptions = {
        databaseUrl,
        redisUrl: redis.url,
        rpcUrls: { [LOCAL_CHAIN_ID]: chain.url },
        // A test says by X-Forwarded-For which address it calls from, or the limits by address would join all of them.
        env: { TRUSTED_PROXIES: '1', ...AMPLE_GAS },
      }
      if (hasWorker) await kept(startWorker({ ...options, env: { ...signerOf(0), ...AMPLE_GAS } }))
      const web = await kept(startWeb(options))
      return { url: web.url, base: web.base, databaseUrl, ...shared }
    }
    provide('service', await open(true))
    provide('withoutWorker', await open(false))
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}
