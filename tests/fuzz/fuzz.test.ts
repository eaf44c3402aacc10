import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { seededRandom } from '@/tests/differential/random'
import { call } from '@/tests/support/api'
import { fuzzRequests, warmRequests } from './generate'
import { BASE } from './routes'
import { newRun, type Run, runAll } from './run'
import { type FuzzService, startService } from './service'

const SEED = 20_261_121

let service: FuzzService
let warm: Run
let run: Run

beforeAll(async () => {
  service = await startService()
  const world = { random: seededRandom(SEED), keys: service.keys }
  warm = newRun()
  run = newRun()
  await runAll(service, await warmRequests(world), warm)
  await runAll(service, fuzzRequests(world), run)
}, 300_000)

afterAll(() => service?.stop())

/** What was sent, for the message of whatever fails. */
const told = () => `seed ${SEED}, ${run.sent} requests, by status ${JSON.stringify(run.statuses)}`
const url = (path: string) => `http://127.0.0.1:${service.port}${path}`

test('at least 10,000 requests are sent, and they come as far as verdicts and refusals of every kind', () => {
  expect(run.sent, told()).toBeGreaterThanOrEqual(10_000)
  const count = (status: number) => run.statuses[status] ?? 0
  for (const status of [200, 400]) expect(count(status), told()).toBeGreaterThan(2_000)
  for (const status of [401, 403, 404, 405, 413, 415, 431, 503]) expect(count(status), told()).toBeGreaterThan(0)
  expect(run.verdicts.length, told()).toBeGreaterThan(2_000)
  expect(count(429), told()).toBeLessThan(run.sent / 100)
})

test('every answer is whole: no failure of ours, an envelope with the field and the fix, a reason from the list', () => {
  expect({ ...warm.complaints, ...run.complaints }, told()).toEqual({})
})

test('no request costs more than 20 ms of CPU', () => {
  expect(run.costly, told()).toEqual([])
})

test('the process that was started lives on and answers, and nothing failed unseen', async () => {
  expect((await call(url('/livez'))).status, told()).toBe(200)
  expect(service.isRunning()).toBe(true)
  const lines = service.output().split('\n').filter(isComplaint)
  expect(
    lines.slice(0, 20).map((line) => line.slice(0, 200)),
    told(),
  ).toEqual([])
})

test('every verdict is in the log, once, and is counted as one unit', async () => {
  const verdicts = [...warm.verdicts, ...run.verdicts].sort()
  await vi.waitFor(
    async () => {
      const rows = (await service.logRows()).filter(({ outcome }) => outcome !== 'error')
      expect(rows.length, told()).toBe(verdicts.length)
      expect(rows.map((row) => row.request_id).sort()).toEqual(verdicts)
      for (const wanted of ['valid', 'invalid']) {
        expect(rows.filter(({ outcome }) => outcome === wanted).length, told()).toBeGreaterThan(500)
      }
    },
    { timeout: 10_000, interval: 200 },
  )
  const usage = await Promise.all(
    [service.keys.test, service.keys.live].map((key) => call(url(`${BASE}/usage`), { key })),
  )
  const used = usage.map(({ body }) => body.verifications.used as number)
  expect(
    used.reduce((sum, units) => sum + units),
    told(),
  ).toBe(verdicts.length)
})

const OWN_FAILURES: readonly unknown[] = ['settlement_unavailable', 'rpc_unavailable']

/** A line of the process's output that tells of trouble, the two failures apart that are asked for. */
function isComplaint(line: string): boolean {
  if (line === '' || line.startsWith('✓')) return false
  if (!line.startsWith('{"level":')) return true
  const { level, code } = JSON.parse(line) as { level: number; code?: string }
  return level >= 40 && !OWN_FAILURES.includes(code)
}
