import type { Pool } from 'pg'
import { orUnavailable, REQUEST_QUERY_TIMEOUT_MS } from './pool'

export type UsageStore = {
  /** Units of a period that the database knows. @throws AppError `database_unavailable` */
  used(tenantId: string, mode: string, periodStart: Date): Promise<number>
}

/** Reads the units of a period. */
export function createUsageStore(pool: Pool): UsageStore {
  return {
    async used(tenantId, mode, periodStart) {
      const { rows } = await orUnavailable(pool.query<{ verifications: string }>(query([tenantId, mode, periodStart])))
      return Number(rows[0]?.verifications ?? 0)
    },
  }
}

const TEXT = 'SELECT verifications FROM usage_periods WHERE tenant_id = $1 AND mode = $2 AND period_start = $3'

function query(values: unknown[]) {
  return { name: 'usage_period', text: TEXT, values, query_timeout: REQUEST_QUERY_TIMEOUT_MS }
}
