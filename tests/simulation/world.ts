import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { Hex } from '@/lib/core/hex'
import type { TransitionName } from '@/lib/core/settlement-states'
import type { SettlementChain } from '@/lib/settlements/settlement-chain'
import type { SettlementStore } from '@/lib/settlements/settlement-store'
import type { SettlerStore } from '@/lib/settlements/settler-store'
import { FINALITY_BLOCKS, GWEI, SimChain } from './chain'
import type { Foreign } from './chain-block'
import { noTrouble } from './chain-port'
import type { Authorization } from './chain-state'
import { Random } from './random'
import { drawScenario, type Fault, type FaultKind, type Lean, type Scenario, type SimClient } from './scenario'
import { type Process, Scheduler } from './scheduler'
import { type Flaw, Tables } from './tables'
import { createMemoryWebStore } from './web-store'
import { createMemoryWorkerStore } from './worker-store'

export type Answer = {
  client: SimClient
  requestId: string
  keyHash: string | null
  kind: 'paid' | 'duplicate' | 'pending' | 'refused'
  /** The connection was closed before the answer was written. */
  isClosed: boolean
}

export type WorldOptions = {
  seed: number
  flaws?: readonly Flaw[]
  keepsLines?: boolean
  lean?: Lean
  /** Stands between the chain and those who settle, to break it on purpose. */
  asSeen?: (chain: SettlementChain, authorizations: readonly Authorization[]) => SettlementChain
}

/** Everything there is in one run: chain, tables, and what was seen. */
export class World {
  readonly random: Random
  readonly scheduler: Scheduler
  readonly scenario: Scenario
  readonly authorizations: Map<Hex, Authorization>
  readonly chain: SimChain
  readonly tables: Tables
  readonly webStore: SettlementStore
  readonly workerStore: SettlerStore
  readonly trouble = { ...noTrouble(), storeFails: 0, storeAnswerLost: 0, deaf: 0 }
  readonly answers: Answer[] = []
  readonly problems: string[] = []
  /** Rows whose grant nobody could take back: its answer is lost for good. */
  readonly excused = new Set<string>()
  readonly clients = new Set<Process>()
  readonly requestOf = new Map<Process, string>()
  /** The row that a request waited for last. */
  readonly waitedFor = new Map<Process, string>()
  readonly waiters = new Map<string, Set<() => void>>()
  readonly wakers = new Set<() => void>()
  private toldEvents = 0
  private faults: Fault[]
  private readonly times = new Map<TransitionName, number>()

  constructor(private readonly options: WorldOptions) {
    this.random = new Random(options.seed)
    const haste = this.random.pick([0.03, 0.1, 0.3])
    const [turns] = fc.sample(fc.scheduler(), { seed: options.seed, numRuns: 1 }) as [fc.Scheduler]
    this.scheduler = new Scheduler(this.random, haste, options.keepsLines ?? false, turns)
    this.scenario = drawScenario(this.random, this.scheduler.nowMs, options.lean)
    this.faults = [...this.scenario.faults]
    const signed = this.scenario.payments.map(({ authorization }) => authorization)
    this.authorizations = new Map(signed.map((authorization) => [authorization.callData, authorization]))
    this.chain = new SimChain(this.random, this.scheduler.now, this.authorizations, this.scenario.genesis)
    this.tables = new Tables(this.scheduler.now, new Set(options.flaws))
    this.tables.onChanged = (id) => this.heard(this.waiters.get(id))
    this.tables.onQueued = () => this.heard(this.wakers)
    this.webStore = createMemoryWebStore(this.tables)
    this.workerStore = createMemoryWorkerStore(this.tables)
  }

  asSeen(chain: SettlementChain): SettlementChain {
    return this.options.asSeen?.(chain, [...this.authorizations.values()]) ?? chain
  }

  private heard(wakers: Iterable<() => void> = []): void {
    if (!this.random.chance(this.trouble.deaf)) for (const wake of wakers) wake()
  }

  /** One thing happens, and what it changed is written down. */
  async step(): Promise<void> {
    await this.scheduler.step()
    for (; this.toldEvents < this.tables.events.length; this.toldEvents++) {
      const event = this.tables.events[this.toldEvents]
      if (!event) continue
      this.count(event.transition)
      const order = this.tables.rows.get(event.id)?.order
      this.scheduler.note(`  row ${order} ${event.transition} -> ${event.state} ${event.version}`)
    }
  }

  private count(transition: TransitionName): void {
    const times = (this.times.get(transition) ?? 0) + 1
    this.times.set(transition, times)
    for (const fault of this.faults) {
      const { after } = fault
      if (after?.transition === transition && after.nth === times) fault.atStep = this.scheduler.steps + after.steps
    }
  }

  /** The faults whose time has come; each comes once. */
  dueFaults(): FaultKind[] {
    const due = this.faults.filter(({ atStep }) => atStep !== null && atStep <= this.scheduler.steps)
    this.faults = this.faults.filter((fault) => !due.includes(fault))
    return due.map(({ kind }) => kind)
  }

  /** A success that is answered has its transfer, as deep as the seller asked for. */
  checkGrant({ payment, waitUntil }: SimClient): void {
    const { chain } = this
    const { length } = chain.blocks
    const end = waitUntil === 'final' ? length - FINALITY_BLOCKS : length
    const blocks = chain.blocks.slice(0, end)
    if (paysIn(blocks, payment.authorization)) return
    // At so few confirmations its block may be gone by now; at finality it may not.
    const wasThere = waitUntil === 'mined' && paysIn(chain.lost, payment.authorization) !== null
    if (!wasThere) this.problems.push(`a success was answered without its transfer (${waitUntil})`)
  }

  foreignHash(text: string): Hex {
    return `0x${createHash('sha256').update(`${text} ${this.chain.foreign.length} ${this.scheduler.steps}`).digest('hex')}`
  }

  add(foreign: Foreign): void {
    this.chain.foreign.push(foreign)
  }

  /** No more faults: calls are answered at once, and everything goes on. */
  calm(): void {
    const { trouble, chain, scheduler } = this
    Object.assign(trouble, noTrouble(), { storeFails: 0, storeAnswerLost: 0, deaf: 0 })
    chain.baseFeeWei = GWEI
    this.scenario.waitMs = 25_000
    scheduler.isQuiet = true
    scheduler.note('quiet')
  }
}

type Paid = { blockNumber: bigint; transactionHash: Hex }

/** Where a payment was made: its authorization used, and its exact transfer as the next log. */
export function paysIn(
  blocks: readonly { receipts: Map<string, { logs: readonly { topics: readonly string[]; data: string }[] } & Paid> }[],
  { payer, payTo, amount, nonce }: Authorization,
): Paid | null {
  const ends = (topic: string | undefined, hex: Hex) => topic?.endsWith(hex.slice(2)) ?? false
  for (const { receipts } of blocks) {
    for (const { logs, blockNumber, transactionHash } of receipts.values()) {
      const at = logs.findIndex(({ topics }) => ends(topics[1], payer) && topics[2] === nonce)
      const next = logs[at + 1]
      const isPair = at >= 0 && next && ends(next.topics[1], payer) && ends(next.topics[2], payTo)
      if (isPair && BigInt(next.data) === amount) return { blockNumber, transactionHash }
    }
  }
  return null
}
