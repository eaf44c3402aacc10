import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { latencies, mostBeyond, preciseNow, type Sample, startLoad } from '@/tests/support/open-loop'
import { startRedis, type TestRedis } from '@/tests/support/redis'
import { startTcpProxy, type TcpProxy } from '@/tests/support/tcp-proxy'
import type { TestTenant } from '@/tests/support/tenants'
import { createVerifyClient, type VerifyClient } from '@/tests/support/verify-client'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import { BURST_LIMIT, createBurstTenants, exactFrom, sendBurst, sendBursts, sendUntilExact } from './limit-bursts'
import {
  createTenants,
  endLoads,
  failuresOf,
  inTurn,
  mostInAMinute,
  passed,
  quotaEnded,
  RATES,
  type Samples,
  startLoads,
  TIGHT_PER_MINUTE,
  written,
} from './redis-loads'
import type { Bounds, RunOptions, Scenario } from './scenario'
import type { Stage } from './stage'

type Place = { redis: TestRedis; proxy: TcpProxy }
type Fault = {
  name: string
  /** Only what needs the proxy goes by it: a Redis that dies behind one looks otherwise than one that dies. */
  isByProxy?: true
  begin(place: Place): unknown
  end(place: Place): unknown
  /** Done under load, a while after the end. */
  later?(place: Place): unknown
}

const FAULTS: readonly Fault[] = [
  {
    name: 'Redis is killed, and comes back empty',
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
    later: ({ redis }) => emptyRedis(redis),
  },
  {
    name: 'Redis stands still',
    begin: ({ redis }) => process.kill(redis.pid(), 'SIGSTOP'),
    end: ({ redis }) => process.kill(redis.pid(), 'SIGCONT'),
  },
  {
    name: 'Redis answers after 5 s',
    isByProxy: true,
    begin: ({ proxy }) => proxy.delayAnswers(5_000),
    end: ({ proxy }) => proxy.mend(),
  },
]

const PROCESSES = 2
const WARM_UP_MS = 1_000
const BEFORE_MS = 1_000
const BURSTS_BEFORE = 4
const BURSTS_AFTER = 6
const BURSTS_MS = 2_500
/** Requests a second that need no Redis: as slow as they are, so slow is the machine at that moment. */
const CONTROLS = 40
/** Each time the count of the month is read anew, what the others have not written yet may be missed: 250 ms. */
const QUOTA_TOLERANCE = 2 * Math.ceil(RATES.quota * 0.25)

const BOUNDS: Bounds<RedisFigures> = {
  'no answer is a 5xx, and none is missing': ({ failures }) => failures.length === 0,
  'no call takes more than 1 s': ({ slowestBesideControlMs }) => slowestBesideControlMs <= 1_000,
  'no request is slowed by more than 250 ms': ({ slowedByMs }) => slowedByMs <= 250,
  'a window lets through at most its limit in each process': ({ tightPerMinute, burstWhile }) =>
    tightPerMinute <= PROCESSES * TIGHT_PER_MINUTE && burstWhile <= PROCESSES * BURST_LIMIT,
  'whatever is within its limit is let through': ({ roomyRefused, burstWhile }) =>
    roomyRefused === 0 && burstWhile >= BURST_LIMIT,
  'counts are exact before it, and again within 5 s of its end': ({ burstBefore, exactAfterMs }) =>
    burstBefore === BURST_LIMIT && exactAfterMs !== null && exactAfterMs <= 5_000,
  'the quota of the month holds': ({ quota }) => Math.abs(quota.verdicts - quota.limit) <= QUOTA_TOLERANCE,
  'every verdict is a unit and a row in Postgres': ({ quota }) =>
    quota.units === quota.verdicts && quota.rows === quota.verdicts,
}

type RedisFigures = Awaited<ReturnType<typeof runRedisFault>>

export const REDIS_SCENARIOS: readonly Scenario<RedisFigures>[] = FAULTS.map((fault) => ({
  name: fault.name,
  bounds: BOUNDS,
  run: (stage, options) => withCleanup((atEnd) => runRedisFault(stage, options, fault, atEnd)),
}))

/** Two processes that share one Redis, under load by three tenants and bursts of others. */
async function runRedisFault(stage: Stage, { seconds }: RunOptions, fault: Fault, atEnd: AtEnd) {
  const { place, clients } = await open(stage, fault, atEnd)
  // It comes to its end after all that was done to Redis.
  const limit = Math.round((RATES.quota * (WARM_UP_MS + BEFORE_MS + seconds * 1_000 + BURSTS_MS)) / 1_000)
  const tenants = await createTenants(stage, limit)
  const burstTenants = await createBurstTenants(stage.databaseUrl, 1 + BURSTS_AFTER + BURSTS_BEFORE)

  const loads = startLoads(stage, clients, tenants)
  const control = startLoad(CONTROLS, (index) => inTurn(clients, index).livez())
  const moments = await play({ fault, place, clients, burstTenants, seconds })
  await quotaEnded(loads.quota)
  const samples = await endLoads(loads)
  const controls = await control.end()
  const verdicts = passed(samples.quota)
  const quota = { limit, verdicts, ...(await written(stage, tenants.quota, verdicts)) }
  return { seconds, ...measure(samples, controls, moments), quota }
}

type Play = {
  fault: Fault
  place: Place
  clients: readonly VerifyClient[]
  burstTenants: readonly TestTenant[]
  seconds: number
}
type Moments = Awaited<ReturnType<typeof play>>

/** What is done to Redis while the loads run, with the bursts before, while and after. */
async function play({ fault, place, clients, burstTenants, seconds }: Play) {
  const [tenantWhile, ...others] = burstTenants
  await sleep(WARM_UP_MS)
  const before = await sendUntilExact(clients, others.slice(BURSTS_AFTER))
  const startedAt = preciseNow()
  await sleep(BEFORE_MS)
  const beganAt = preciseNow()
  await fault.begin(place)
  await sleep(1_000)
  const during = await sendBurst(clients, tenantWhile as TestTenant)
  await sleep(seconds * 1_000 - (preciseNow() - beganAt))
  const endsAt = preciseNow()
  await fault.end(place)
  const endedAt = preciseNow()
  const after = await sendBursts(clients, others.slice(0, BURSTS_AFTER))
  await fault.later?.(place)
  return { startedAt, beganAt, endsAt, endedAt, bursts: { before, during, after } }
}

/** Requests that were under way when the fault began belong to it. */
const UNDER_WAY_MS = 300

function measure(samples: Samples, controls: readonly Sample<void>[], moments: Moments) {
  const { startedAt, beganAt, endsAt, endedAt, bursts } = moments
  const all = Object.values(samples).flat()
  const before = samples.roomy.filter(sentIn(startedAt, beganAt - UNDER_WAY_MS))
  const away = samples.roomy.filter(sentIn(beganAt - UNDER_WAY_MS, endsAt))
  return {
    requests: all.length,
    failures: failuresOf(all),
    before: latencies(before),
    while: latencies(away),
    controlWhile: latencies(controls.filter(sentIn(beganAt, endsAt))),
    slowedByMs: mostBeyond(away, controls),
    slowestBesideControlMs: mostBeyond(all, controls),
    roomyRefused: samples.roomy.filter(({ answer }) => answer.status === 429).length,
    tightPerMinute: mostInAMinute(samples.tight),
    burstBefore: bursts.before.allowed,
    burstWhile: bursts.during.allowed,
    burstsAfter: bursts.after.map(({ allowed }) => allowed),
    exactAfterMs: exactFrom(bursts.after, endedAt),
  }
}

const sentIn = (from: number, to: number) => (sample: Sample<unknown>) => sample.sentAt >= from && sample.sentAt < to

async function open(stage: Stage, { isByProxy }: Fault, atEnd: AtEnd) {
  const redis = await startRedis()
  atEnd(redis.stop)
  const proxy = await startTcpProxy(redis.url)
  atEnd(proxy.stop)
  const redisUrl = isByProxy ? proxy.url : redis.url
  const webs = await Promise.all(Array.from({ length: PROCESSES }, () => stage.startWeb({ redisUrl })))
  const clients = webs.map(({ url }) => createVerifyClient(url))
  for (const web of webs) atEnd(web.stop)
  for (const client of clients) atEnd(client.close)
  return { place: { redis, proxy }, clients }
}

async function emptyRedis({ url }: TestRedis): Promise<void> {
  const client = new Redis(url)
  await client.flushall()
  client.disconnect()
}
