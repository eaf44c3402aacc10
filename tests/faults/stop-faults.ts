import { setTimeout as sleep } from 'node:timers/promises'
import { stopByPid } from '@/scripts/local/processes'
import { latencies, preciseNow, type Sample, startLoad } from '@/tests/support/open-loop'
import { startRpcProxy } from '@/tests/support/rpc-proxy'
import { createTenantWithKey } from '@/tests/support/tenants'
import { createVerifyClient, type VerifyAnswer } from '@/tests/support/verify-client'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import { countWritten, writtenRequests } from './count-written'
import type { Bounds, RunOptions, Scenario } from './scenario'
import type { Stage } from './stage'

const PER_SECOND = 40
/** Each verdict takes so long, so that many are under way when the signal comes. */
const SLOW_NODE_MS = 1_000
/** Whoever supervises a process ends it by force then. */
const PATIENCE_MS = 20_000
/** A request sent at the moment of the signal may meet a connection that was idle and is closed. */
const AT_THE_SIGNAL_MS = 50
/** Connections that waited in the kernel's queue, or were idle, when the socket closed: nobody read what they sent. */
const MOST_RESETS = 4
/** The age of the rows that a killed process takes with it, and what one write of them may add. */
const LOST_MS = 250
const ONE_WRITE_MS = 100
const NEXT_SERVES_MS = 2_000

type StopFigures = Awaited<ReturnType<typeof runStop>>
type Stop = { signal: 'SIGTERM' | 'SIGKILL'; nodeDelayMs: number }

const CONSISTENT: Bounds<StopFigures> = {
  'rows, roll-ups and units agree': ({ written: { rows, units, hours, days } }) =>
    rows > 0 && [units, hours, days].every((count) => count === rows),
  'no verdict is written twice': ({ written }) => written.twice === 0,
  'the next process serves at its first request': ({ nextServesMs }) =>
    nextServesMs !== null && nextServesMs <= NEXT_SERVES_MS,
}

/** A process that is told to stop while it judges, and whose callers go on calling. */
const DRAIN_SCENARIO: Scenario<StopFigures> = {
  name: 'a process is told to stop under load',
  bounds: {
    ...CONSISTENT,
    'what was under way at the signal gets its verdict': ({ underWay }) =>
      underWay.requests > 0 && underWay.verdicts === underWay.requests,
    'later requests get a verdict, or are not read at all': ({ cutOff, resets }) =>
      cutOff.length === 0 && resets <= MOST_RESETS,
    'every verdict that was given is in the log, and no other': ({ written }) =>
      written.missing === 0 && written.withoutAnswer === 0,
    'the process ends by itself, within 20 s': ({ exitMs }) => exitMs < PATIENCE_MS,
  },
  run: (stage, options) =>
    withCleanup((atEnd) => runStop(stage, options, { signal: 'SIGTERM', nodeDelayMs: SLOW_NODE_MS }, atEnd)),
}

/** A process that dies in the middle of everything. */
const KILL_SCENARIO: Scenario<StopFigures> = {
  name: 'a process is killed under load',
  bounds: {
    ...CONSISTENT,
    'only rows of the last 250 ms are lost': ({ written }) => written.oldestMissingMs <= LOST_MS + ONE_WRITE_MS,
  },
  run: (stage, options) =>
    withCleanup((atEnd) => runStop(stage, options, { signal: 'SIGKILL', nodeDelayMs: 0 }, atEnd)),
}

export const STOP_SCENARIOS: readonly Scenario<StopFigures>[] = [DRAIN_SCENARIO, KILL_SCENARIO]

async function runStop(stage: Stage, { seconds }: RunOptions, { signal, nodeDelayMs }: Stop, atEnd: AtEnd) {
  const { proxy, web, client } = await open(stage, atEnd)
  const { key, tenantId } = await createTenantWithKey(stage.databaseUrl)
  if (nodeDelayMs > 0) {
    proxy.fault = async ({ questions, response, ask }) => {
      const entries = await ask(questions)
      await sleep(nodeDelayMs)
      response.end(JSON.stringify(entries))
    }
  }
  const load = startLoad(PER_SECOND, () => client.verify(key, stage.payments.valid().body))
  await sleep(seconds * 1_000)
  const signalledAt = preciseNow()
  await (signal === 'SIGTERM' ? web.stop() : stopByPid(web.pid, signal, PATIENCE_MS))
  const exitMs = Math.round(preciseNow() - signalledAt)
  const samples = await load.end()
  return {
    signal,
    requests: samples.length,
    verdicts: samples.filter(isVerdict).length,
    ...measure(samples, signalledAt),
    exitMs,
    written: await compareWithLog(stage, tenantId, samples, signalledAt),
    nextServesMs: await nextServes(stage, key),
  }
}

async function open(stage: Stage, atEnd: AtEnd) {
  const proxy = await startRpcProxy(stage.running.url)
  atEnd(proxy.stop)
  const web = await stage.startWeb({ rpcUrl: proxy.url })
  atEnd(web.stop)
  const client = createVerifyClient(web.url)
  atEnd(client.close)
  return { proxy, web, client }
}

function measure(samples: readonly Sample<VerifyAnswer>[], signalledAt: number) {
  const isUnderWay = ({ sentAt, ms }: Sample<VerifyAnswer>) =>
    sentAt < signalledAt - AT_THE_SIGNAL_MS && sentAt + ms > signalledAt
  const underWay = samples.filter(isUnderWay)
  const later = countOutcomes(samples.filter(({ sentAt }) => sentAt > signalledAt + AT_THE_SIGNAL_MS))
  return {
    underWay: { requests: underWay.length, verdicts: underWay.filter(isVerdict).length, ...latencies(underWay) },
    later,
    resets: UNREAD.reduce((sum, outcome) => sum + (later[outcome] ?? 0), 0),
    cutOff: Object.keys(later).filter((outcome) => ![...SERVED_OR_REFUSED, ...UNREAD].includes(outcome)),
  }
}

const SERVED_OR_REFUSED = ['verdict', 'ECONNREFUSED']
/** That a connection which was reset or closed was not served shows in the log, which is compared with the answers. */
const UNREAD = ['ECONNRESET', 'UND_ERR_SOCKET']

const isVerdict = ({ answer }: Sample<VerifyAnswer>) => answer.status === 200 && answer.isValid === true

/** How often each outcome came. */
function countOutcomes(samples: readonly Sample<VerifyAnswer>[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const sample of samples) {
    const { status, code } = sample.answer
    const outcome = isVerdict(sample) ? 'verdict' : `${status || ''} ${code}`.trim()
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  return counts
}

/** The verdicts that callers have beside those that the log has: either may have some that the other lacks. */
async function compareWithLog(
  { databaseUrl }: Stage,
  tenantId: string,
  samples: readonly Sample<VerifyAnswer>[],
  signalledAt: number,
) {
  const requests = await writtenRequests(databaseUrl, tenantId)
  const inLog = new Set(requests)
  const given = samples.filter(isVerdict)
  const answered = new Set(given.map(({ answer }) => answer.requestId))
  const missing = given.filter(({ answer }) => !inLog.has(answer.requestId ?? ''))
  const ages = missing.map(({ sentAt, ms }) => signalledAt - sentAt - ms)
  return {
    missing: missing.length,
    oldestMissingMs: Math.round(Math.max(0, ...ages)),
    withoutAnswer: requests.filter((request) => !answered.has(request)).length,
    twice: requests.length - inLog.size,
    ...(await countWritten(databaseUrl, tenantId)),
  }
}

/** Milliseconds of the first verdict of a process that is started in the place of the one that ended. */
async function nextServes(stage: Stage, key: string): Promise<number | null> {
  const web = await stage.startWeb()
  const client = createVerifyClient(web.url)
  try {
    const askedAt = preciseNow()
    const { status } = await client.verify(key, stage.payments.valid().body)
    return status === 200 ? Math.round(preciseNow() - askedAt) : null
  } finally {
    await client.close()
    await web.stop()
  }
}
