// npm run bench:log [-- --rows 10000000]: whether each way into the log is served by its index when it is large, whether
// every index is used, and what the charts cost from the roll-ups against the rows themselves.
import { parseArgs } from 'node:util'
import { Pool, type QueryConfig } from 'pg'
import { createAnalyticsStore } from '@/lib/adapters/postgres/analytics-store'
import { createVerificationStore } from '@/lib/adapters/postgres/verification-store'
import { DAY_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import { getAnalytics } from '@/lib/verifications/get-analytics'
import type { LogOwner, VerificationFilters } from '@/lib/verifications/verification-store'
import { createDatabase, startTestPostgres } from '@/tests/support/stack'
import { BIG_TENANT, fillLog, SMALL_TENANT } from './fill-log'

const { values: options } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } })
const say = (text: string) => process.stdout.write(`${text}\n`)

type Way = { name: string; index: string; run(pool: Pool): Promise<unknown> }
type Finding = { name: string; indexes: string[]; ms: number; ok: boolean }

const owner = (tenantId: TenantId): LogOwner => ({ tenantId, mode: 'live' })

function list(tenantId: TenantId, filters: VerificationFilters, fromDays: number, toDays = 0) {
  const page = {
    filters,
    fromMs: Date.now() - fromDays * DAY_MS,
    toMs: Date.now() - toDays * DAY_MS,
    before: null,
    limit: 21,
  }
  return (pool: Pool) => createVerificationStore(pool).list(owner(tenantId), page)
}

/** The ways that the seed document asks for, and those that the API has beside them. */
const WAYS: readonly Way[] = [
  { name: 'tenant, newest first', index: 'pkey', run: list(BIG_TENANT, {}, 90) },
  { name: 'tenant + time', index: 'pkey', run: list(SMALL_TENANT, {}, 12, 10) },
  { name: 'time, all tenants', index: 'at_idx', run: tenMinutes },
  { name: 'chain', index: 'mode_network_at_idx', run: list(BIG_TENANT, { network: 'eip155:43114' }, 90) },
  { name: 'success', index: 'mode_outcome_at_idx', run: list(BIG_TENANT, { outcome: 'error' }, 90) },
  {
    name: 'payer',
    index: 'mode_payer_at_idx',
    run: list(BIG_TENANT, { payer: `0x${(19_000).toString(16).padStart(40, '0')}` }, 90),
  },
  { name: 'one row by its id', index: 'pkey', run: findOne },
]

async function main(): Promise<void> {
  const postgres = await startTestPostgres(['shared_buffers=512MB', 'max_wal_size=8GB', 'synchronous_commit=off'])
  const databaseUrl = await createDatabase(postgres.url)
  const pool = new Pool({ connectionString: databaseUrl, max: 4 })
  try {
    await fillLog(pool, Number(options.rows), say)
    const findings: Finding[] = []
    for (const way of WAYS) findings.push(await examine(pool, way))
    report(findings)
    const unused = await unusedIndexes(findings)
    const charts = await timeCharts(pool)
    const ok = findings.every((finding) => finding.ok) && unused.length === 0
    say(
      JSON.stringify({
        rows: Number(options.rows),
        ok,
        unused,
        ways: Object.fromEntries(findings.map((f) => [f.name, f.ms])),
        charts,
      }),
    )
    process.exitCode = ok ? 0 : 1
  } finally {
    await pool.end()
    await postgres.stop()
  }
}

/** Runs a way as the product does, and then once more under EXPLAIN. */
async function examine(pool: Pool, { name, index, run }: Way): Promise<Finding> {
  await run(pool)
  const startedAt = performance.now()
  await run(pool)
  const ms = Math.round((performance.now() - startedAt) * 10) / 10
  const plans: unknown[] = []
  await run(explaining(pool, plans)).catch(() => undefined)
  const text = JSON.stringify(plans)
  const indexes = [
    ...new Set([...text.matchAll(/"Index Name":"verifications_\d+_\d+_([a-z_]+)"/g)].map((match) => match[1] ?? '')),
  ]
  const ok = indexes.some((used) => used.endsWith(index)) && !text.includes('"Seq Scan"')
  return { name, indexes, ms, ok }
}

/** A pool that explains what it is asked, and answers nothing. */
function explaining(pool: Pool, plans: unknown[]): Pool {
  return {
    async query(text: string | QueryConfig, values?: unknown[]) {
      const sql = typeof text === 'string' ? text : text.text
      const { rows } = await pool.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, values)
      plans.push(rows)
      return { rows: [] }
    },
  } as unknown as Pool
}

/** What an operator asks after an incident: whose payments were in those ten minutes. */
function tenMinutes(pool: Pool) {
  const from = Date.now() - 5 * DAY_MS
  return pool.query(
    'SELECT at, tenant_id, mode, id, outcome, reason FROM verifications WHERE at >= $1 AND at < $2 ORDER BY at',
    [new Date(from), new Date(from + 600_000)],
  )
}

async function findOne(pool: Pool) {
  const { rows } = await pool.query<{ at: Date; id: string }>(
    `SELECT at, id FROM verifications WHERE tenant_id = $1 AND mode = 'live' ORDER BY at DESC LIMIT 1`,
    [BIG_TENANT],
  )
  const newest = rows[0] ?? { at: new Date(), id: '' }
  return createVerificationStore(pool).find(owner(BIG_TENANT), newest.id, newest.at.getTime())
}

/** Indexes of the log that no way used. */
async function unusedIndexes(findings: readonly Finding[]): Promise<string[]> {
  const all = ['pkey', 'at_idx', 'mode_network_at_idx', 'mode_outcome_at_idx', 'mode_payer_at_idx']
  const used = findings.flatMap((finding) => finding.indexes)
  return all.filter((index) => !used.some((name) => (index === 'at_idx' ? name === 'at_idx' : name.endsWith(index))))
}

/** The charts of 90 days: from the roll-ups, against grouping the rows. */
async function timeCharts(pool: Pool) {
  const analytics = createAnalyticsStore(pool)
  const time = async (run: () => Promise<unknown>) => {
    const startedAt = performance.now()
    await run()
    return Math.round(performance.now() - startedAt)
  }
  const from = new Date(Date.now() - 90 * DAY_MS)
  const everything = () => getAnalytics({ now: Date.now, analytics }, owner(BIG_TENANT), 90)
  const outcomesByDay = () => analytics.outcomesByDay(owner(BIG_TENANT), from)
  await everything()
  const allChartsMs = await time(everything)
  const oneChartMs = await time(outcomesByDay)
  const rowsMs = await time(() =>
    pool.query(
      `SELECT date_trunc('day', at, 'UTC'), outcome, count(*) FROM verifications
       WHERE tenant_id = $1 AND mode = 'live' AND at >= now() - interval '90 days' GROUP BY 1, 2`,
      [BIG_TENANT],
    ),
  )
  say(
    `\n90 days, outcomes by day: ${oneChartMs} ms from the roll-ups, ${rowsMs} ms from the rows; all ten charts: ${allChartsMs} ms`,
  )
  return { oneChartMs, oneChartFromRowsMs: rowsMs, allChartsMs }
}

function report(findings: readonly Finding[]): void {
  say('\nway into the log             ms   index used')
  for (const { name, indexes, ms, ok } of findings) {
    say(`${ok ? '✓' : '✗'} ${name.padEnd(24)} ${String(ms).padStart(6)}   ${indexes.join(', ') || 'none'}`)
  }
}

void main()
