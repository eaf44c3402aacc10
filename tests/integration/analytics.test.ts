import { randomInt } from 'node:crypto'
import { Pool, type QueryResultRow } from 'pg'
import { describe, expect, inject, it, vi } from 'vitest'
import { LogWriter } from '@/lib/adapters/postgres/log-writer'
import { calendarMonth, DAY_MS, HOUR_MS } from '@/lib/core/clock'
import { type Id, newId } from '@/lib/core/ids'
import type { LogEntry, Outcome } from '@/lib/verifications/log-entry'
import { type Answer, call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { magicBody } from '@/tests/support/magic'
import { createTenantWithKey, type TestTenant, withAdmin } from '@/tests/support/tenants'

const service = inject('service')
const { base, databaseUrl } = service
const analytics = (key: string, query = '') => call(`${base}/analytics${query}`, { key })

const pick = <T>(values: readonly T[]): T => values[randomInt(values.length)] as T
const ROWS = 1_500
const DAYS_BACK = [0, 0, 0, 1, 2, 2, 6, 29]

function randomEntry(tenant: TestTenant, index: number): LogEntry {
  const outcome = pick<Outcome>(['valid', 'valid', 'valid', 'invalid', 'error'])
  const atMs = Date.now() - pick(DAYS_BACK) * DAY_MS - randomInt(60_000)
  const isKnown = randomInt(8) > 0
  return {
    id: newId('verification', atMs),
    tenantId: tenant.tenantId,
    mode: 'test',
    keyId: pick([tenant.keyId, 'key_of_somebody_else_in_the_team']) as Id<'apiKey'>,
    requestId: newId('request', atMs),
    atMs,
    retentionDays: 90,
    periodStartMs: calendarMonth(Date.now()).start.getTime(),
    outcome,
    reason: outcome === 'valid' ? null : pick(['invalid_network', 'rpc_unavailable', 'invalid_payload']),
    x402Version: pick([1, 2, null]),
    network: isKnown ? pick(['eip155:84532', 'eip155:11155111']) : null,
    asset: isKnown ? pick(['0x036cbd53842c5426634e7929541ec2318f3dcf7e', null]) : null,
    payer: isKnown ? `0x${String(randomInt(14)).padStart(40, '0')}` : null,
    payTo: null,
    amount: isKnown ? BigInt(randomInt(1_000_000)) * 10n ** 30n : null,
    nonce: null,
    resource: pick([null, ...Array.from({ length: 12 }, (_, place) => `https://seller.example/${place}`)]),
    block: null,
    durationUs: randomInt(4_000_000),
    request: JSON.stringify({ index }),
  }
}

/** Writes entries as a web process does, by the writer itself, and some of them twice, as after a lost commit. */
async function write(entries: readonly LogEntry[]): Promise<void> {
  const problems: unknown[] = []
  const pool = new Pool({ connectionString: databaseUrl, max: 2 })
  for (const batch of [entries, entries.slice(0, 300)]) {
    const writer = new LogWriter(pool, { now: Date.now, onProblem: (...problem) => problems.push(problem) })
    for (const entry of batch) writer.append(entry)
    await writer.stop(10_000)
  }
  await pool.end()
  expect(problems).toEqual([])
}

/** A count straight from the rows of the log: what every roll-up must come to. */
function fromRows<Row extends QueryResultRow>({ tenantId }: TestTenant, days: number, select: string): Promise<Row[]> {
  const from = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - (days - 1) * DAY_MS)
  const where = `FROM verifications WHERE tenant_id = $1 AND mode = 'test' AND at >= $2`
  return queryDatabase<Row>(databaseUrl, select.replace('FROM rows', where), [tenantId, from])
}

const OUTCOMES = `count(*)::integer AS total, (count(*) FILTER (WHERE outcome = 'valid'))::integer AS valid,
  (count(*) FILTER (WHERE outcome = 'invalid'))::integer AS invalid,
  (count(*) FILTER (WHERE outcome = 'error'))::integer AS error`
const PAID = `count(*)::integer AS count, coalesce(sum(amount), 0)::text AS volume FROM rows AND outcome = 'valid'`
/** The log keeps addresses in lower case; answers show them with their checksum (EIP-55). */
const lowered = (entries: Record<string, unknown>[]) =>
  entries.map((entry) =>
    Object.fromEntries(
      Object.entries(entry).map(([name, value]) => [
        name,
        ['asset', 'payer'].includes(name) && typeof value === 'string' ? value.toLowerCase() : value,
      ]),
    ),
  )
const sorted = <T>(values: T[]): T[] => [...values].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))

describe('the roll-ups equal the sums over the rows', async () => {
  const tenant = await createTenantWithKey(databaseUrl, { plan: 'enterprise' })
  await write(Array.from({ length: ROWS }, (_, index) => randomEntry(tenant, index)))

  describe.each([1, 3, 30, 90])('over %i days', async (days) => {
    const { body } = await analytics(tenant.key, `?days=${days}`)
    const rows = <Row extends QueryResultRow>(select: string) => fromRows<Row>(tenant, days, select)

    it('totals, rate and payers', async () => {
      const [totals] = await rows<Record<string, number>>(`SELECT ${OUTCOMES} FROM rows`)
      const [payers] = await rows<{ count: number }>(
        `SELECT count(DISTINCT payer)::integer AS count FROM rows AND outcome = 'valid'`,
      )
      const { valid = 0, invalid = 0 } = totals ?? {}
      expect(body.totals).toEqual({ ...totals, successRate: valid / (valid + invalid), uniquePayers: payers?.count })
    })

    it('by day, with the days that have none', async () => {
      const found = await rows<{ day: string }>(
        `SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, ${OUTCOMES} FROM rows GROUP BY 1`,
      )
      const none = { total: 0, valid: 0, invalid: 0, error: 0 }
      const wanted = Array.from({ length: days }, (_, index) => {
        const day = new Date(Date.now() - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10)
        return { day, ...none, ...found.find((row) => row.day === day) }
      })
      expect(body.byDay.map(({ latencyMs: _, ...day }: Record<string, unknown>) => day)).toEqual(wanted)
      for (const { total, latencyMs } of body.byDay) expect(latencyMs.p50 === null).toBe(total === 0)
    })

    it('by network, by reason, by key', async () => {
      const networks = await rows(`SELECT network, ${OUTCOMES} FROM rows GROUP BY 1`)
      const reasons = await rows(
        `SELECT reason, count(*)::integer AS count FROM rows AND reason IS NOT NULL GROUP BY 1`,
      )
      const keys = await rows(`SELECT key_id AS "keyId", ${OUTCOMES} FROM rows GROUP BY 1`)
      expect(sorted(body.byNetwork)).toEqual(sorted(networks))
      expect(sorted(body.byReason)).toEqual(sorted(reasons))
      expect(sorted(body.byKey)).toEqual(sorted(keys))
    })

    it('volumes, and the ten payers and resources that paid most', async () => {
      const volumes = await rows(`SELECT network, asset, ${PAID} GROUP BY 1, 2`)
      const top = (column: string) =>
        rows(`SELECT ${column}, network, asset, ${PAID} AND ${column} IS NOT NULL
              GROUP BY 1, 2, 3 ORDER BY coalesce(sum(amount), 0) DESC, 1 LIMIT 10`)
      expect(sorted(lowered(body.volumes))).toEqual(sorted(volumes))
      expect(lowered(body.topPayers)).toEqual(await top('payer'))
      expect(lowered(body.topResources)).toEqual(await top('resource'))
      expect(body.topPayers).toHaveLength(10)
    })

    it('percentiles, as near as the buckets are wide', async () => {
      const [exact] = await rows<Record<'p50' | 'p95' | 'p99', number>>(
        `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_us) / 1000.0::float8 AS p50,
                percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_us) / 1000.0::float8 AS p95,
                percentile_disc(0.99) WITHIN GROUP (ORDER BY duration_us) / 1000.0::float8 AS p99 FROM rows`,
      )
      // Durations go up to 4 s; the last bound is 3 s, and what lies beyond is told as that.
      expect(Math.abs(body.latencyMs.p50 - Number(exact?.p50))).toBeLessThan(400)
      expect(body.latencyMs).toMatchObject({ p95: 3_000, p99: 3_000 })
      expect(Number(exact?.p95)).toBeGreaterThan(3_000)
    })
  })

  it('the last 24 hours stand there one by one', async () => {
    const { body } = await analytics(tenant.key)
    const first = Math.floor(Date.now() / HOUR_MS) - 23
    const hours = Array.from({ length: 24 }, (_, index) => new Date((first + index) * HOUR_MS).toISOString())
    const shown: { hour: string; latencyMs: { p50: number | null } }[] = body.latencyByHour
    expect(shown.map(({ hour }) => new Date(hour).toISOString())).toEqual(hours)
    const rows = await queryDatabase<{ hour: Date }>(
      databaseUrl,
      `SELECT DISTINCT date_trunc('hour', at, 'UTC') AS hour FROM verifications WHERE tenant_id = $1 AND at >= $2`,
      [tenant.tenantId, new Date(first * HOUR_MS)],
    )
    const busy = shown.filter(({ latencyMs }) => latencyMs.p50 !== null)
    expect(busy.map(({ hour }) => new Date(hour).toISOString()).sort()).toEqual(
      rows.map(({ hour }) => hour.toISOString()).sort(),
    )
  })

  it('the quota counts every verdict once, and no failure of ours', async () => {
    const { body } = await call(`${base}/usage`, { key: tenant.key })
    const text = `SELECT count(*)::integer AS units FROM verifications WHERE tenant_id = $1 AND outcome <> 'error'`
    const [row] = await queryDatabase<{ units: number }>(databaseUrl, text, [tenant.tenantId])
    expect(body.verifications.used).toBe(row?.units)
  })

  it('another mode of the same tenant has none of it', async () => {
    const input = {
      tenantId: tenant.tenantId,
      mode: 'live',
      name: 'l',
      scopes: ['usage:read'],
      expiresAt: null,
    } as const
    const { key } = await withAdmin(databaseUrl, (admin) => admin.createApiKey(input))
    expect((await analytics(key)).body).toMatchObject({ totals: { total: 0, successRate: null }, byKey: [] })
  })
})

describe('GET /analytics', () => {
  it('counts what was verified a moment ago', async () => {
    const { key, keyId } = await createTenantWithKey(databaseUrl)
    const verify = (body: unknown) => call(`${base}/verify`, { key, body })
    const payment = await buildPayment({ amount: '2500000', resource: 'https://seller.example/paid?secret=1' })
    await Promise.all([
      verify(payment),
      verify(await buildPayment({ amount: '500000', resource: 'https://seller.example/paid' })),
      verify(magicBody('expired')),
      verify(magicBody('RPC unavailable')),
    ])
    const { body }: Answer = await vi.waitFor(async () => {
      const answer = await analytics(key, '?days=1')
      expect(answer.body.totals.total).toBe(4)
      return answer
    }, 20_000)
    const paid = { network: 'eip155:84532', asset: expect.any(String), count: 2, volume: '3000000' }
    expect(body).toMatchObject({
      totals: { total: 4, valid: 2, invalid: 1, error: 1, successRate: 2 / 3, uniquePayers: 1 },
      byDay: [{ total: 4 }],
      byKey: [{ keyId, total: 4, valid: 2, invalid: 1, error: 1 }],
      volumes: [paid],
      topPayers: [paid],
      topResources: [{ ...paid, resource: 'https://seller.example/paid' }],
    })
    expect(body.latencyMs.p50).toBeGreaterThan(0)
  })

  it('shows addresses with their checksum, as every other answer does', async () => {
    const { key } = await createTenantWithKey(databaseUrl)
    const body = await buildPayment()
    await call(`${base}/verify`, { key, body })
    const answer = await vi.waitFor(async () => {
      const { body: shown } = await analytics(key, '?days=1')
      // The charts of one answer are read one after the other, and the row may come in between.
      expect([shown.volumes.length, shown.topPayers.length]).toEqual([1, 1])
      return shown
    }, 20_000)
    expect(answer.topPayers[0].payer).toBe(body.paymentPayload.payload.authorization.from)
    expect(answer.volumes[0].asset).toBe(body.paymentRequirements['asset'])
  })

  it('has 30 days unless asked for another number', async () => {
    const { key } = await createTenantWithKey(databaseUrl)
    const { status, body } = await analytics(key)
    expect(status).toBe(200)
    expect(body.period.days).toBe(30)
    expect(body.byDay).toHaveLength(30)
    expect(body.totals).toEqual({ total: 0, valid: 0, invalid: 0, error: 0, successRate: null, uniquePayers: 0 })
  })

  it.each(['days=0', 'days=91', 'days=x', 'days=', 'days=1.5', 'days=-1', 'days=1e1', 'days=%2030'])(
    'refuses %s',
    async (query) => {
      const { key } = await createTenantWithKey(databaseUrl)
      const { status, body } = await analytics(key, `?${query}`)
      expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', 'days'])
      expect(body.error.message).toContain('from 1 to 90')
    },
  )

  it('refuses a parameter that is not there', async () => {
    const { key } = await createTenantWithKey(databaseUrl)
    expect((await analytics(key, '?day=7')).status).toBe(400)
  })

  it('serves 90 days on every plan, for the roll-ups outlive the rows', async () => {
    const { key } = await createTenantWithKey(databaseUrl, { plan: 'free', limits: { minute: null, hour: null } })
    const { status, body } = await analytics(key, '?days=90')
    expect([status, body.byDay.length]).toEqual([200, 90])
  })
})
