import { setTimeout as sleep } from 'node:timers/promises'
import { queryDatabase } from '@/tests/support/database'
import { startKillablePostgres } from '@/tests/support/killable-postgres'
import { createRandom } from '@/tests/support/random'
import { HISTORY_BOUNDS, type History } from '@/tests/support/settlement-history/history'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { DatabaseStage, Scenario } from './scenario'
import { type Lane, openLane } from './settlement-lane'

type DatabaseFigures = {
  seed: number
  kills: number
  payments: number
  settled: number
  /** Calls whose row was there when the server died. */
  underWay: number
  /** Those of them that were not answered with an outcome. */
  cutOff: number
  history: History
}

const IN_FLIGHT = 20

/** Postgres dies while web and worker settle, and comes back with what was committed. */
export function databaseScenario(kills: number): Scenario<DatabaseFigures, DatabaseStage> {
  return {
    name: `Postgres is killed ${kills} times during settlements`,
    bounds: {
      ...HISTORY_BOUNDS,
      'who waits for a row that is there gets its outcome from the same call, as if nothing had been': ({
        underWay,
        cutOff,
      }) => underWay > 0 && cutOff === 0,
      'every payment is settled in the end': ({ payments, settled }) => payments > IN_FLIGHT && settled === payments,
    },
    run: () => withCleanup((atEnd) => runDatabase(kills, atEnd)),
  }
}

async function runDatabase(times: number, atEnd: AtEnd): Promise<DatabaseFigures> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const random = createRandom(seed)
  const postgres = await startKillablePostgres()
  atEnd(postgres.stop)
  const lane = await openLane({ postgresUrl: postgres.url }, atEnd)
  let [isOver, payments, settled] = [false, 0, 0]
  const seller = async () => {
    while (!isOver) {
      payments++
      const { outcome } = await lane.settle(lane.newBody())
      if (outcome === 'success' || outcome === 'duplicate') settled++
    }
  }
  const load = Promise.all(Array.from({ length: IN_FLIGHT }, seller))
  const killedAt: number[] = []
  while (killedAt.length < times) {
    await sleep(500 + random() * 1_500)
    await untilUnderWay(lane)
    killedAt.push(Date.now())
    await postgres.kill()
    await sleep(random() * 2_000)
    await postgres.restart()
  }
  // Until it goes on as before: a database that comes back slowly is no failure.
  while (payments <= IN_FLIGHT) await sleep(50)
  await sleep(1_000)
  isOver = true
  await load
  const history = await lane.judge()
  return { seed, kills: killedAt.length, payments, settled, ...(await measureUnderWay(lane, killedAt)), history }
}

/** Waits for a moment at which enough is under way for its outcome to be of interest. */
async function untilUnderWay({ databaseUrl }: Lane): Promise<void> {
  const text = `SELECT count(*)::int AS count FROM settlements WHERE state IN ('queued', 'broadcast')`
  for (;;) {
    const [row] = await queryDatabase<{ count: number }>(databaseUrl, text)
    if (Number(row?.count) >= IN_FLIGHT / 4) return
    await sleep(20)
  }
}

async function measureUnderWay({ client, databaseUrl }: Lane, killedAt: readonly number[]) {
  const text = `SELECT payment_key AS key, created_at FROM settlements WHERE payment_key IS NOT NULL`
  const rows = await queryDatabase<{ key: string; created_at: Date }>(databaseUrl, text)
  const claimedAt = new Map(rows.map((row) => [row.key, row.created_at.getTime()]))
  const underWay = client.calls.filter(({ paymentKey, sentAt, endedAt }) =>
    killedAt.some((at) => {
      const claimed = claimedAt.get(paymentKey) ?? Number.POSITIVE_INFINITY
      return sentAt <= claimed && claimed <= at && at < endedAt
    }),
  )
  const cutOff = underWay.filter(({ outcome }) => outcome !== 'success' && outcome !== 'pending')
  return { underWay: underWay.length, cutOff: cutOff.length }
}
