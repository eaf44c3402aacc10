import { dropOldIdempotencyKeys } from '@/lib/adapters/postgres/idempotency-keys'
import { dropExpired, ensureComingPartitions } from '@/lib/adapters/postgres/log-partitions'
import { createPool } from '@/lib/adapters/postgres/pool'
import { createLogger } from '@/lib/adapters/telemetry/logger'
import { HOUR_MS } from '@/lib/core/clock'
import { startSettler } from '@/lib/create-settler'
import { env } from '@/lib/env'

const UPKEEP_MS = HOUR_MS

/** The jobs that go on whether or not anybody asks: settling, and the upkeep of what is kept for a time only. */
export async function startWorker(): Promise<{ stop(): Promise<void> }> {
  const settings = env()
  const { DATABASE_URL, DATABASE_POOL_SIZE, LOG_LEVEL } = settings
  if (!DATABASE_URL) throw new Error('DATABASE_URL is not set. Set it, or run "npm start", which brings a database.')
  const logger = createLogger(LOG_LEVEL)
  const pool = createPool({ connectionString: DATABASE_URL, poolSize: DATABASE_POOL_SIZE })

  async function keepUp(): Promise<void> {
    try {
      await ensureComingPartitions(pool, Date.now())
      const dropped = await dropExpired(pool, Date.now())
      await dropOldIdempotencyKeys(pool)
      if (dropped.length > 0) logger.info({ dropped }, 'partitions past their retention were dropped')
    } catch (error) {
      logger.error({ err: error }, 'the upkeep of the database failed; it is tried again within the hour')
    }
  }

  await keepUp()
  const settler = await startSettler(settings, pool, logger)
  const timer = setInterval(() => void keepUp(), UPKEEP_MS)
  return {
    async stop() {
      clearInterval(timer)
      await settler.stop()
      await pool.end()
    },
  }
}
