import { setTimeout as sleep } from 'node:timers/promises'
import { generateKey } from '@/lib/api-keys/key-format'
import { call } from '@/tests/support/api'
import { latencies, preciseNow, type Sample, startLoad } from '@/tests/support/open-loop'
import { startTcpProxy, type TcpProxy } from '@/tests/support/tcp-proxy'
import { createTenantWithKey } from '@/tests/support/tenants'
import { createVerifyClient, type VerifyAnswer, type VerifyClient } from '@/tests/support/verify-client'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import { countWritten, writtenRequests } from './count-written'
import type { Bounds, RunOptions, Scenario } from './scenario'
import type { Stage } from './stage'

type Fault = { name: string; begin(proxy: TcpProxy): void }

const FAULTS: readonly Fault[] = [
  { name: 'Postgres is cut off', begin: (proxy) => proxy.cut() },
  // The worse half of an outage: what is written may be there, and nobody was told.
  { name: 'Postgres hears and does not answer', begin: (proxy) => proxy.loseAnswers() },
]

const PER_SECOND = 30
const BEFORE_MS = 1_500
const AFTER_MS = 1_500
const WRITE_PATIENCE_MS = 15_000
/** How long a key that is known must be believed, and when at the latest it no longer is. */
const BELIEVED_MS = 60_000
const FORGOTTEN_MS = 66_000

const BOUNDS: Bounds<PostgresFigures> = {
  'known keys go on verifying for 60 s': ({ believed }) =>
    believed.requests > 0 && believed.verdicts === believed.requests,
  'after that the answer is 503 database_unavailable': ({ forgotten }) => forgotten.unavailable === forgotten.requests,
  'a key that is not in memory gets 503 database_unavailable within 3 s, never 401': ({ unknown }) =>
    unknown.every(({ status, code, ms }) => status === 503 && code === 'database_unavailable' && ms <= 3_000),
  'a key that is not in memory is served again within 5 s of the return': ({ backMs }) =>
    backMs !== null && backMs <= 5_000,
  'rows wait in the buffer': ({ rowsWaiting, believed }) => rowsWaiting > believed.verdicts / 2,
  'every verdict is written, and once': ({ written, verdicts }) =>
    written.missing === 0 && written.twice === 0 && written.rows === verdicts,
  'the roll-ups and the quota have counted every verdict once': ({ written: { units, hours, days }, verdicts }) =>
    [units, hours, days].every((count) => count === verdicts),
}

type PostgresFigures = Awaited<ReturnType<typeof runPostgresFault>>

export const POSTGRES_SCENARIOS: readonly Scenario<PostgresFigures>[] = FAULTS.map((fault) => ({
  name: fault.name,
  bounds: BOUNDS,
  run: (stage, options) => withCleanup((atEnd) => runPostgresFault(stage, options, fault, atEnd)),
}))

/** One process under the load of a key that it knows, with the way to Postgres broken for a while. */
async function runPostgresFault(stage: Stage, { seconds }: RunOptions, fault: Fault, atEnd: AtEnd) {
  const { proxy, base, client } = await open(stage, atEnd)
  const tenant = await createTenantWithKey(stage.databaseUrl)
  const [lastKey = '', ...keys] = await Promise.all(Array.from({ length: 3 }, () => newKey(stage)))

  const load = startLoad(PER_SECOND, () => client.verify(tenant.key, stage.payments.valid().body))
  while (!load.soFar.some(isVerdict)) await sleep(20)
  await sleep(BEFORE_MS)
  const beganAt = preciseNow()
  fault.begin(proxy)
  const unknown = askUnknown(stage, client, [...keys, generateKey('test')], seconds)
  await sleep(seconds * 1_000)
  const rowsWaiting = (await call(`${base}/health`)).body.checks.log.rowsWaiting as number
  const endedAt = preciseNow()
  proxy.mend()
  const backMs = await untilServed(stage, client, lastKey)
  await sleep(AFTER_MS)
  const samples = await load.end()
  const accepted = samples.filter(isVerdict)
  return {
    seconds,
    verdicts: accepted.length,
    ...measureAway(samples, beganAt, endedAt),
    unknown: await unknown,
    backMs,
    rowsWaiting,
    written: await waitForRows(stage, tenant.tenantId, accepted),
  }
}

async function open(stage: Stage, atEnd: AtEnd) {
  const proxy = await startTcpProxy(stage.databaseUrl)
  atEnd(proxy.stop)
  const { base, url, stop } = await stage.startWeb({ databaseUrl: proxy.url })
  atEnd(stop)
  const client = createVerifyClient(url)
  atEnd(client.close)
  return { proxy, base, client }
}

async function newKey({ databaseUrl }: Stage): Promise<string> {
  return (await createTenantWithKey(databaseUrl)).key
}

function measureAway(samples: readonly Sample<VerifyAnswer>[], beganAt: number, endedAt: number) {
  const away = samples.filter(({ sentAt }) => sentAt >= beganAt && sentAt < endedAt)
  const believed = away.filter(({ sentAt }) => sentAt < beganAt + BELIEVED_MS)
  // Who is still waiting when the database comes back may have his verdict.
  const forgotten = away.filter(({ sentAt, ms }) => sentAt >= beganAt + FORGOTTEN_MS && sentAt + ms < endedAt)
  const first = away.find((sample) => !isVerdict(sample))
  return {
    believed: { requests: believed.length, verdicts: believed.filter(isVerdict).length, ...latencies(believed) },
    firstRefusalMs: first ? Math.round(first.sentAt - beganAt) : null,
    forgotten: { requests: forgotten.length, unavailable: forgotten.filter(isUnavailable).length },
  }
}

const isUnavailable = ({ answer }: Sample<VerifyAnswer>) =>
  answer.status === 503 && answer.code === 'database_unavailable'
const isVerdict = ({ answer }: Sample<VerifyAnswer>) => answer.status === 200 && answer.isValid === true

/** Keys that the process has not seen, one after the other while the fault lasts; the last was made up. */
async function askUnknown({ payments }: Stage, client: VerifyClient, keys: readonly string[], seconds: number) {
  const answers: { status: number; code: string | null; ms: number }[] = []
  for (const key of keys) {
    const askedAt = preciseNow()
    const { status, code } = await client.verify(key, payments.valid().body)
    const ms = Math.round(preciseNow() - askedAt)
    answers.push({ status, code, ms })
    await sleep((seconds * 1_000) / (keys.length + 1) - ms)
  }
  return answers
}

async function untilServed({ payments }: Stage, client: VerifyClient, key: string): Promise<number | null> {
  const startedAt = preciseNow()
  while (preciseNow() - startedAt < WRITE_PATIENCE_MS) {
    const { status } = await client.verify(key, payments.valid().body)
    if (status === 200) return Math.round(preciseNow() - startedAt)
    await sleep(50)
  }
  return null
}

/** Waits until every verdict is in the log, and a moment longer for any that would come a second time. */
async function waitForRows({ databaseUrl }: Stage, tenantId: string, accepted: readonly Sample<VerifyAnswer>[]) {
  const startedAt = Date.now()
  while (Date.now() - startedAt < WRITE_PATIENCE_MS) {
    const { rows } = await countWritten(databaseUrl, tenantId)
    if (rows >= accepted.length) break
    await sleep(50)
  }
  const afterMs = Date.now() - startedAt
  await sleep(500)
  const requests = await writtenRequests(databaseUrl, tenantId)
  const distinct = new Set(requests)
  const missing = accepted.filter(({ answer }) => !distinct.has(answer.requestId ?? '')).length
  return { afterMs, missing, twice: requests.length - distinct.size, ...(await countWritten(databaseUrl, tenantId)) }
}
