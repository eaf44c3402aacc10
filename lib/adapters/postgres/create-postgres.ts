import { join } from 'node:path'
import type { Clock } from '@/lib/core/clock'
import { createAnalyticsStore } from './analytics-store'
import { createCallerStore } from './caller-store'
import { KeyUseWriter } from './key-use-writer'
import { LogWriter } from './log-writer'
import { isMigrated } from './migrate'
import { createPool } from './pool'
import { createSettlementReader } from './settlement-reader'
import { createUsageStore } from './usage-store'
import { createVerificationStore } from './verification-store'

export type PostgresSettings = {
  url: string
  poolSize: number
  now: Clock
  onProblem(message: string, cause: unknown): void
}

const MIGRATIONS_FOLDER = join(process.cwd(), 'prisma/migrations')
const LAST_WRITES_MS = 5_000

/** Everything that stands on the process's one pool. */
export function createPostgres({ url, poolSize, now, onProblem }: PostgresSettings) {
  const pool = createPool({ connectionString: url, poolSize })
  const log = new LogWriter(pool, { now, onProblem })
  const keyUse = new KeyUseWriter(pool)
  return {
    pool,
    log,
    keyUse,
    callers: createCallerStore(pool),
    usage: createUsageStore(pool),
    verifications: createVerificationStore(pool),
    analytics: createAnalyticsStore(pool),
    settlementReader: createSettlementReader(pool),
    async ping(): Promise<number> {
      const startedAt = now()
      await pool.query('SELECT 1')
      return now() - startedAt
    },
    /** Whether the database answers and has every migration of this version. */
    isReady: (): Promise<boolean> => isMigrated(pool, MIGRATIONS_FOLDER).catch(() => false),
    async stop(): Promise<void> {
      await Promise.all([log.stop(LAST_WRITES_MS), keyUse.stop()])
      await pool.end()
    },
  }
}
