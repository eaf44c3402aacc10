import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '@/tests/support/random'
import type { SettleCall } from '@/tests/support/settle-client'
import { HISTORY_BOUNDS, type History } from '@/tests/support/settlement-history/history'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { DatabaseStage, Scenario } from './scenario'
import { openLane } from './settlement-lane'

export type KillFigures = { seed: number; kills: string[]; settled: number; answered: number; history: History }

type Size = { payments: number; kills: number; inFlight: number; pauseMs: readonly [least: number, most: number] }

/** Web and worker die again and again at moments that nobody chose, while sellers settle. */
export function killScenario(size: Size): Scenario<KillFigures, DatabaseStage> {
  return {
    name: `web and worker are killed ${size.kills} times during ${size.payments} settlements`,
    bounds: {
      ...HISTORY_BOUNDS,
      'nothing is lost: every payment gets its success, and with an Idempotency-Key always the success itself': ({
        settled,
        answered,
      }) => settled >= size.payments && answered === settled,
      'every process that was to be killed was killed under load': ({ kills }) => kills.length === size.kills,
    },
    run: (stage) => withCleanup((atEnd) => runKills(stage, size, atEnd)),
  }
}

async function runKills(stage: DatabaseStage, size: Size, atEnd: AtEnd): Promise<KillFigures> {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const random = createRandom(seed)
  const lane = await openLane({ postgresUrl: stage.databaseUrl }, atEnd)
  const slots = [lane.web, ...lane.workers]
  const kills: string[] = []
  const settled: SettleCall[] = []
  let made = 0
  const seller = async () => {
    while (made < size.payments || kills.length < size.kills) {
      // Every second one sends an Idempotency-Key, by which he hears a success that was answered to a dead connection.
      settled.push(await lane.settle(lane.newBody(), made++ % 2 === 0))
    }
  }
  const load = Promise.all(Array.from({ length: size.inFlight }, seller))
  const [least, most] = size.pauseMs
  while (kills.length < size.kills) {
    await sleep(least + random() * (most - least))
    // Each in its turn, and then by chance, so that the short form has both.
    const slot = slots[kills.length < slots.length ? kills.length : Math.floor(random() * slots.length)] ?? lane.web
    await slot.kill()
    kills.push(slot.name)
    await slot.restart()
  }
  await load
  const isGranted = ({ outcome, idempotencyKey }: SettleCall) =>
    outcome === 'success' || (outcome === 'duplicate' && idempotencyKey === null)
  const answered = settled.filter(isGranted).length
  return { seed, kills, settled: settled.length, answered, history: await lane.judge() }
}
