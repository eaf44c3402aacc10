import { setTimeout as sleep } from 'node:timers/promises'
import { type CrashPoints, installCrashPoints } from '@/tests/support/crash-points'
import { queryDatabase } from '@/tests/support/database'
import { HISTORY_BOUNDS, type History } from '@/tests/support/settlement-history/history'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { ProcessSlot } from './process-slot'
import type { DatabaseStage, Scenario } from './scenario'
import { type Lane, openLane } from './settlement-lane'

type TwoWorkersFigures = { payments: number; settled: number; takenOver: number; history: History }

type Pauses = { seconds: number; times: number }

const IN_FLIGHT = 10
const BEFORE_MS = 1_500
const AFTER_MS = 3_000

/** Two workers on one wallet: the one that has it stands still for longer than its lease, and goes on as if nothing was. */
export function twoWorkersScenario({ seconds, times }: Pauses): Scenario<TwoWorkersFigures, DatabaseStage> {
  return {
    name: `one of two workers on a wallet stands still for ${seconds} s`,
    bounds: {
      ...HISTORY_BOUNDS,
      'the other worker takes the wallet over': ({ takenOver }) => takenOver === times,
      'no payment is lost': ({ payments, settled }) => payments > IN_FLIGHT && settled === payments,
    },
    run: (stage) => withCleanup((atEnd) => runTwoWorkers(stage, { seconds, times }, atEnd)),
  }
}

async function runTwoWorkers(
  stage: DatabaseStage,
  { seconds, times }: Pauses,
  atEnd: AtEnd,
): Promise<TwoWorkersFigures> {
  const lane = await openLane({ postgresUrl: stage.databaseUrl, workers: 2 }, atEnd)
  const points = await pointsOf(lane, atEnd)
  let isOver = false
  let payments = 0
  let settled = 0
  const seller = async () => {
    while (!isOver) {
      payments++
      const { outcome } = await lane.settle(lane.newBody())
      if (outcome === 'success' || outcome === 'duplicate') settled++
    }
  }
  const load = Promise.all(Array.from({ length: IN_FLIGHT }, seller))
  let takenOver = 0
  for (let time = 0; time < times; time++) {
    // They have the wallet in turns, for whoever was paused has lost it.
    const holder = lane.workers[time % lane.workers.length]
    await sleep(BEFORE_MS)
    const before = await ownerOf(lane)
    await pauseWhileSigning(points, holder)
    await sleep(seconds * 1_000)
    takenOver += Number((await ownerOf(lane)) !== before)
    holder?.resume()
    await sleep(AFTER_MS)
  }
  isOver = true
  await load
  return { payments, settled, takenOver, history: await lane.judge() }
}

async function pointsOf({ databaseUrl }: Lane, atEnd: AtEnd): Promise<CrashPoints> {
  const points = await installCrashPoints(databaseUrl)
  atEnd(points.close)
  return points
}

/** The worst moment there is: a nonce is taken, rows are locked, and nothing of it is committed. */
async function pauseWhileSigning(points: CrashPoints, worker: ProcessSlot | undefined): Promise<void> {
  await points.pauseWithin('sign', () => worker?.pause())
}

async function ownerOf({ databaseUrl }: Lane): Promise<string> {
  const [row] = await queryDatabase<{ lease_owner: string }>(databaseUrl, 'SELECT lease_owner FROM wallets')
  return row?.lease_owner ?? ''
}

type StandstillFigures = { asked: number; withoutHash: number; history: History }

type Standstill = { seconds: number; waitMs: number }

const PER_SECOND = 10

/** The only worker stands still for longer than anybody waits. */
export function standstillScenario({ seconds, waitMs }: Standstill): Scenario<StandstillFigures, DatabaseStage> {
  return {
    name: `the only worker stands still for ${seconds} s, and nobody waits longer than ${waitMs / 1_000} s`,
    bounds: {
      ...HISTORY_BOUNDS,
      'most who ask meanwhile are told that nothing was sent': ({ asked, withoutHash }) => withoutHash > asked / 4,
    },
    run: (stage) => withCleanup((atEnd) => runStandstill(stage, { seconds, waitMs }, atEnd)),
  }
}

async function runStandstill(
  stage: DatabaseStage,
  { seconds, waitMs }: Standstill,
  atEnd: AtEnd,
): Promise<StandstillFigures> {
  const webEnv = { X402_SETTLE_WAIT_MS: String(waitMs) }
  const lane = await openLane({ postgresUrl: stage.databaseUrl, webEnv }, atEnd)
  const points = await pointsOf(lane, atEnd)
  const calls: ReturnType<Lane['client']['settle']>[] = []
  const [worker] = lane.workers
  const ask = async (ms: number) => {
    for (const until = Date.now() + ms; Date.now() < until; ) {
      // Asked once: whoever is told that nothing was sent goes away.
      calls.push(lane.client.settle(lane.newBody()))
      await sleep(1_000 / PER_SECOND)
    }
  }
  await ask(BEFORE_MS)
  await Promise.all([pauseWhileSigning(points, worker), ask(BEFORE_MS)])
  await ask(seconds * 1_000)
  worker?.resume()
  await ask(BEFORE_MS)
  const answers = await Promise.all(calls)
  const withoutHash = answers.filter(({ outcome }) => outcome === 'unavailable').length
  return { asked: answers.length, withoutHash, history: await lane.judge() }
}
