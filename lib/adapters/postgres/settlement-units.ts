import type { Pool } from 'pg'
import type { SettlementUnits } from '@/lib/settlements/take-settlement-unit'
import { orUnavailable } from './pool'

/**
 * Live settlements of a period, counted on the tenant's row of that period. These wait for as long as the server works
 * on them: a unit that is taken after its request has gone would be nobody's.
 */
export function createSettlementUnits(pool: Pool): SettlementUnits {
  return {
    async take(tenantId, periodStart, most) {
      if (most === 0) return false
      return (await orUnavailable(pool.query(TAKE, [tenantId, periodStart, most]))).rowCount === 1
    },
    async giveBack(tenantId, periodStart) {
      await orUnavailable(pool.query(GIVE_BACK, [tenantId, periodStart]))
    },
  }
}

const TAKE = `INSERT INTO usage_periods AS period (tenant_id, mode, period_start, verifications, settlements)
  VALUES ($1, 'live', $2, 0, 1) ON CONFLICT (tenant_id, mode, period_start)
  DO UPDATE SET settlements = period.settlements + 1 WHERE period.settlements < $3`
const GIVE_BACK = `UPDATE usage_periods SET settlements = GREATEST(settlements - 1, 0)
  WHERE tenant_id = $1 AND mode = 'live' AND period_start = $2`

/** A row that was released unsigned was no settlement. A CTE over the rows that a statement has changed. */
export const RETURNED_UNITS = `returned AS (
  UPDATE usage_periods AS period SET settlements = GREATEST(period.settlements - gone.count, 0)
  FROM (SELECT tenant_id, count(*) AS count FROM changed WHERE mode = 'live' AND released_at IS NOT NULL GROUP BY tenant_id) AS gone
  WHERE period.tenant_id = gone.tenant_id AND period.mode = 'live' AND period.period_start =
    (SELECT max(period_start) FROM usage_periods WHERE tenant_id = gone.tenant_id AND mode = 'live')
)`
