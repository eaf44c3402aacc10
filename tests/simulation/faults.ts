import { GWEI, type ReorgKind } from './chain'
import { runClient } from './client-actor'
import type { FaultKind } from './scenario'
import type { Process } from './scheduler'
import { startWorker } from './worker-actor'
import type { World } from './world'

export type Workers = { process: Process; stop(): void }[]
type Cause = (world: World, workers: Workers) => void

/** What goes wrong for some seconds. */
function spell(set: Partial<World['trouble']>): Cause {
  return (world) => {
    const { scheduler, trouble, random } = world
    Object.assign(trouble, set)
    const before = Object.fromEntries(Object.keys(set).map((name) => [name, 0]))
    scheduler.at(scheduler.nowMs + random.between(500, 10_000), () => Object.assign(trouble, before))
  }
}

function someWorker({ random }: World, workers: Workers): number {
  return random.between(0, workers.length - 1)
}

/** A worker ends, at once or in good order, and a new one takes its place. */
function replace(world: World, workers: Workers, isAtOnce: boolean): void {
  const { scheduler, random } = world
  const index = someWorker(world, workers)
  const worker = workers[index]
  if (!worker || worker.process.isDead) return
  if (isAtOnce) scheduler.kill(worker.process)
  else worker.stop()
  const startNext = () => {
    workers[index] = startWorker(world, `${worker.process.name}'`)
  }
  scheduler.at(scheduler.nowMs + random.between(200, 6_000), startNext)
}

/** A web process dies with its request; a grant that it had got can be given to nobody any more. */
function killClient(world: World): void {
  const { scheduler, random, clients, requestOf, tables, excused } = world
  if (clients.size === 0) return
  const client = random.pick([...clients])
  const requestId = requestOf.get(client)
  for (const row of tables.rows.values()) if (row.grantedRequest === requestId) excused.add(row.id)
  scheduler.kill(client)
  clients.delete(client)
}

function foreign(kind: 'submit' | 'cancel' | 'decoy'): Cause {
  return (world) => {
    const { authorization, name } = world.random.pick(world.scenario.payments)
    world.add({ kind, authorization, hash: world.foreignHash(`${kind} ${name}`) })
  }
}

const CAUSES: Record<FaultKind, Cause> = {
  crash: (world, workers) => replace(world, workers, true),
  handover: (world, workers) => replace(world, workers, false),
  standstill: (world, workers) => {
    const worker = workers[someWorker(world, workers)]
    if (worker) worker.process.stoppedUntilMs = world.scheduler.nowMs + world.random.between(3_000, 60_000)
  },
  client_dies: killClient,
  client_standstill: ({ clients, random, scheduler }) => {
    if (clients.size > 0) random.pick([...clients]).stoppedUntilMs = scheduler.nowMs + random.between(1_000, 30_000)
  },
  reorg: ({ chain, random }) =>
    chain.reorg(random.between(1, 4), random.pick<ReorgKind>(['pooled', 'dropped', 'half'])),
  pool_lost: ({ chain }) => chain.pool.clear(),
  unsent: spell({ unsent: 0.7 }),
  unanswered: spell({ unanswered: 0.7 }),
  failing: spell({ failing: 0.4 }),
  lagging: (world, workers) => spell({ lagging: 0.5, lagBlocks: world.random.between(1, 3) })(world, workers),
  refused: ({ trouble, random }) => {
    trouble.refusals = random.between(1, 2)
  },
  fees: ({ chain, random, scheduler }) => {
    chain.baseFeeWei = GWEI * BigInt(random.between(2, 30))
    scheduler.at(scheduler.nowMs + random.between(2_000, 20_000), () => {
      chain.baseFeeWei = GWEI
    })
  },
  store_fails: spell({ storeFails: 0.3 }),
  store_answer_lost: spell({ storeAnswerLost: 0.3 }),
  deaf: spell({ deaf: 1 }),
  submitted: foreign('submit'),
  cancelled: foreign('cancel'),
  decoy: foreign('decoy'),
  drained: (world) => {
    const { payer: from, asset, amount } = world.random.pick(world.scenario.payments).authorization
    const to = `0x${'dd'.repeat(20)}` as const
    world.add({ kind: 'move', asset, from, to, amount, hash: world.foreignHash('drain') })
    const isBack = world.random.chance(0.6)
    const back = { kind: 'move', asset, from: to, to: from, amount, hash: world.foreignHash('fund') } as const
    if (isBack) world.scheduler.at(world.scheduler.nowMs + world.random.between(2_000, 20_000), () => world.add(back))
  },
  code: ({ chain, random, scenario }) => {
    const { payer } = random.pick(scenario.payments).authorization
    chain.head.state.code.set(payer, random.pick(['wallet', 'burner']))
  },
}

export function cause(world: World, workers: Workers, kind: FaultKind): void {
  world.scheduler.note(`fault ${kind}`)
  CAUSES[kind](world, workers)
}

export function startClients(world: World): Promise<void>[] {
  return world.scenario.clients.map((client, index) => runClient(world, client, `client ${index}`))
}
