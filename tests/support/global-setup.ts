import type { TestProject } from 'vitest/node'
import { startLocalChain } from '@/scripts/local/chain'
import { startRedis } from './redis'
import { createDatabase, startTestPostgres, startWeb } from './stack'

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be merged with vitest's own.
  export interface ProvidedContext {
    service: { url: string; base: string; databaseUrl: string; rpcUrl: string; redisUrl: string; postgresUrl: string }
  }
}

/** One service for all integration tests: real Postgres, Redis and chain; each test has tenants of its own. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const [postgres, redis, chain] = await Promise.all([
    startTestPostgres(),
    startRedis(),
    startLocalChain({ blockSeconds: 1, folder: null }),
  ])
  const databaseUrl = await createDatabase(postgres.url)
  const web = await startWeb({
    databaseUrl,
    redisUrl: redis.url,
    rpcUrls: { 84532: chain.url },
    // A test says by X-Forwarded-For which address it calls from, or the limits by address would join all of them.
    env: { TRUSTED_PROXIES: '1' },
  })
  provide('service', {
    url: web.url,
    base: web.base,
    databaseUrl,
    rpcUrl: chain.url,
    redisUrl: redis.url,
    postgresUrl: postgres.url,
  })
  return async () => {
    await web.stop()
    await Promise.all([chain.stop(), redis.stop()])
    await postgres.stop()
  }
}
