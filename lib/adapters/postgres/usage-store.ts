import type { Pool } from 'pg'
import { orUnavailable } from './pool'

export type UsageStore = {
  /** Units of a period that the database knows. @throws AppError `database_unavailable` */
  used(tenantId: string, mode: string, periodStart: Date): Promise<number>
}

export function createUsageStore(pool: Pool): UsageStore {
  return {
    async used(tenantId, mode, periodStart) {
      const { rows } = await orUnavailable(
        pool.query<{ verifications: string }>({
          name: 'usage_period',
          text: 'SELECT verifications FROM usage_periods WHERE tenant_id = $1 AND mode = $2 AND period_start = $3',
          values: [tenantId, mode, periodStart],
        }),
      )
      return Number(rows[0]?.verifications ?? 0)
    },
  }
}
