import { queryDatabase } from '@/tests/support/database'

const COUNTS = `
SELECT (SELECT count(*)::int FROM verifications WHERE tenant_id = $1 AND outcome <> 'error') AS rows,
       (SELECT coalesce(sum(verifications), 0)::int FROM usage_periods WHERE tenant_id = $1) AS units,
       (SELECT coalesce(sum(count), 0)::int FROM verification_hours WHERE tenant_id = $1 AND outcome <> 'error') AS hours,
       (SELECT coalesce(sum(count), 0)::int FROM verification_key_days WHERE tenant_id = $1 AND outcome <> 'error') AS days`

/** How many verdicts of a tenant Postgres has: as rows, as units of the quota and in the roll-ups of hours and days. */
export async function countWritten(databaseUrl: string, tenantId: string) {
  const [counts] = await queryDatabase<Record<'rows' | 'units' | 'hours' | 'days', number>>(databaseUrl, COUNTS, [
    tenantId,
  ])
  return counts ?? { rows: 0, units: 0, hours: 0, days: 0 }
}

/** The requests that have a verdict in the log, as often as they stand there. */
export async function writtenRequests(databaseUrl: string, tenantId: string): Promise<string[]> {
  const text = `SELECT request_id FROM verifications WHERE tenant_id = $1 AND outcome <> 'error'`
  const rows = await queryDatabase<{ request_id: string }>(databaseUrl, text, [tenantId])
  return rows.map((row) => row.request_id)
}
