import type { Pool } from 'pg'
import { orUnavailable, REQUEST_QUERY_TIMEOUT_MS } from './pool'

export type UsageStore = {
  /** Units of a period that the database knows. @throws AppError `database_unavailable` */
  used(tenantId: string, mode: string, periodStart: Date): Promise<number>
  /** Live settlements taken in a period. @throws AppError `database_unavailable` */
  settled(tenantId: string, periodStart: Date): Promise<number>
}

/** Reads the units of a period. */
export function createUsageStore(pool: Pool): UsageStore {
  return {
    async used(tenantId, mode, periodStart) {
      const query = { name: 'usage_period', text: VERIFICATIONS, values: [tenantId, mode, periodStart] }
      const { rows } = await orUnavailable(pool.query<{ verifications: string }>({ ...query, ...BOUND }))
      return Number(rows[0]?.verifications ?? 0)
    },
    async settled(tenantId, periodStart) {
      const query = { name: 'settled_period', text: SETTLEMENTS, values: [tenantId, periodStart] }
      const { rows } = await orUnavailable(pool.query<{ settlements: string }>({ ...query, ...BOUND }))
      return Number(rows[0]?.settlements ?? 0)
    },
  }
}

const BOUND = { query_timeout: REQUEST_QUERY_TIMEOUT_MS }
const VERIFICATIONS = 'SELECT verifications FROM usage_periods WHERE tenant_id = $1 AND mode = $2 AND period_start = $3'
const SETTLEMENTS = `SELECT settlements FROM usage_periods WHERE tenant_id = $1 AND mode = 'live' AND period_start = $2`
