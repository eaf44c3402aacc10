import { dropExpired, ensureComingPartitions } from '@/lib/adapters/postgres/log-partitions'
import { createPool } from '@/lib/adapters/postgres/pool'
import { createLogger } from '@/lib/adapters/telemetry/logger'
import { HOUR_MS } from '@/lib/core/clock'
import { env } from '@/lib/env'

const UPKEEP_MS = HOUR_MS

/** The jobs that go on in the background: partitions of the coming days are made, those past their time dropped. */
export async function startWorker(): Promise<{ stop(): Promise<void> }> {
  const { DATABASE_URL, LOG_LEVEL } = env()
  if (!DATABASE_URL) throw new Error('DATABASE_URL is not set. Set it, or run "npm start", which brings a database.')
  const logger = createLogger(LOG_LEVEL)
  const pool = createPool({ connectionString: DATABASE_URL, poolSize: 2 })

  async function keepLog(): Promise<void> {
    try {
      await ensureComingPartitions(pool, Date.now())
      const dropped = await dropExpired(pool, Date.now())
      if (dropped.length > 0) logger.info({ dropped }, 'partitions past their retention were dropped')
    } catch (error) {
      logger.error({ err: error }, 'the upkeep of the log failed; it is tried again within the hour')
    }
  }

  await keepLog()
  const timer = setInterval(() => void keepLog(), UPKEEP_MS)
  return {
    async stop() {
      clearInterval(timer)
      await pool.end()
    },
  }
}
