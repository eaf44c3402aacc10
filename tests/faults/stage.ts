import { LOCAL_CHAIN_ID, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { startRedis, type TestRedis } from '@/tests/support/redis'
import { createDatabase, type RunningWeb, startTestPostgres, startWeb } from '@/tests/support/stack'
import { type Payments, preparePayments } from './payments'

/** What a scenario finds ready: real servers of everything the product leans on, and payments. */
export type Stage = {
  databaseUrl: string
  redis: TestRedis
  running: RunningChain
  payments: Payments
  /** A web process on all this, save what is put in its place. */
  startWeb(instead?: { databaseUrl?: string; redisUrl?: string; rpcUrl?: string }): Promise<RunningWeb>
  stop(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const [postgres, redis, running] = await Promise.all([
    startTestPostgres(),
    startRedis(),
    startLocalChain({ blockSeconds: 1, folder: null }),
  ])
  const [databaseUrl, payments] = await Promise.all([createDatabase(postgres.url), preparePayments(running.chain)])
  return {
    databaseUrl,
    redis,
    running,
    payments,
    startWeb: ({ rpcUrl = running.url, ...instead } = {}) =>
      startWeb({
        databaseUrl,
        redisUrl: redis.url,
        ...instead,
        rpcUrls: { [LOCAL_CHAIN_ID]: rpcUrl },
        // Thousands of requests fail here on purpose, and each would be a line.
        env: { LOG_LEVEL: 'silent' },
      }),
    async stop() {
      await Promise.all([running.stop(), redis.stop()])
      await postgres.stop()
    },
  }
}
