import { request } from './client-actor'
import { cause, startClients, type Workers } from './faults'
import { judgeWorld } from './judge-world'
import { startWorker } from './worker-actor'
import { World, type WorldOptions } from './world'

const BLOCK_MS = 2_000
const SECOND_MS = 1_000
/** Longer than any authorization lives, and some blocks until that is final. */
const QUIET_MS = 240 * SECOND_MS
/** Faults are over for so long: then every outcome is known. */
const KNOWN_MS = 90 * SECOND_MS

export type Played = {
  problems: string[]
  steps: number
  fingerprint: string
  faults: string[]
  transitions: ReadonlySet<string>
  answers: ReadonlySet<string>
  lines: readonly string[]
}

/** Plays one schedule: faults for a while, then quiet, and then the judge. */
export async function play(options: WorldOptions): Promise<Played> {
  const world = new World(options)
  const { scheduler, scenario, problems } = world
  try {
    await run(world)
    await judgeWorld(world, () => repeatAll(world))
  } catch (error) {
    problems.push(`the run broke off: ${error instanceof Error ? error.stack : error}`)
  }
  return {
    problems: [...new Set(problems)],
    steps: scheduler.steps,
    fingerprint: scheduler.fingerprint(),
    faults: scenario.faults.map(({ kind }) => kind),
    transitions: new Set(world.tables.events.map(({ transition }) => transition)),
    answers: new Set(world.answers.map(({ kind }) => kind)),
    lines: scheduler.lines,
  }
}

async function run(world: World): Promise<void> {
  const { scheduler, scenario } = world
  const workers: Workers = [startWorker(world, 'worker 1'), startWorker(world, 'worker 2')]
  startBlocks(world)
  void Promise.all(startClients(world))
  while (scheduler.steps < scenario.activeSteps) {
    for (const kind of world.dueFaults()) cause(world, workers, kind)
    await world.step()
  }
  world.calm()
  for (const { process } of workers) process.stoppedUntilMs = 0
  for (const process of world.clients) process.stoppedUntilMs = 0
  await untilOver(world)
}

function startBlocks(world: World): void {
  const { scheduler, chain, random } = world
  const next = () => {
    chain.mine(scheduler.isQuiet)
    scheduler.note(`block ${chain.head.number}: ${chain.head.ours.length} of ours`)
    const late = scheduler.isQuiet ? 0 : random.between(-500, 1_500)
    scheduler.at(scheduler.nowMs + BLOCK_MS + late, next)
  }
  scheduler.at(scheduler.nowMs + BLOCK_MS, next)
}

async function untilOver(world: World): Promise<void> {
  const { scheduler, problems } = world
  const startMs = scheduler.nowMs
  for (let wasJudged = false; !isOver(world); ) {
    await world.step()
    const quietMs = scheduler.nowMs - startMs
    if (!wasJudged && quietMs > KNOWN_MS) judgeUnknown(world)
    wasJudged = quietMs > KNOWN_MS
    if (quietMs > QUIET_MS) return void problems.push(`I4: ${openText(world)}`)
  }
}

function judgeUnknown({ tables, problems }: World): void {
  const unknown = [...tables.rows.values()].filter(({ state }) => state === 'queued' || state === 'broadcast')
  for (const { state } of unknown) problems.push(`I4: still ${state} after 90 s of quiet`)
}

function isOver({ tables, clients }: World): boolean {
  if (clients.size > 0 || tables.open().length > 0) return false
  return [...tables.rows.values()].every(isEnded)
}

type Row = World['tables']['rows'] extends Map<unknown, infer Value> ? Value : never

function isEnded({ state, isOtherFinal, releasedAt, isReady }: Row): boolean {
  if (isReady) return false
  if (state === 'final' || state === 'expired') return true
  return (state === 'settled_by_other' && isOtherFinal) || (state === 'failed' && releasedAt !== null)
}

function openText({ tables, clients }: World): string {
  const rows = [...tables.rows.values()].filter((row) => !isEnded(row))
  const states = rows.map(({ state, isReady }) => (isReady ? `${state} and waiting` : state))
  return `not over: ${clients.size} clients, ${tables.open().length} transactions, rows ${states.join(', ')}`
}

/** Every seller asks once more for each of his payments. */
async function repeatAll(world: World): Promise<void> {
  const { scheduler, scenario, requestOf } = world
  for (const [index, payment] of scenario.payments.entries()) {
    const process = scheduler.process(`repeat ${index}`)
    const plain = {
      startMs: 0,
      requests: 1,
      keyHash: null,
      waitUntil: 'mined',
      verifies: false,
      isFickle: false,
    } as const
    const client = { ...plain, payment, seller: payment.seller, seenUnusedAt: null }
    let isDone = false
    void request(world, client, process).finally(() => {
      isDone = true
    })
    while (!isDone) await world.step()
    requestOf.delete(process)
  }
  await untilOver(world)
}
