import { createHash } from 'node:crypto'
import type fc from 'fast-check'
import type { Random } from './random'

/** Something that can die or stand still: a worker, or a web process with one request. */
export type Process = { name: string; isDead: boolean; stoppedUntilMs: number }

type Parked = { process: Process; label: string; resume: () => void }
type Timer = { atMs: number; order: number; process: Process | null; fire: () => void }

const START_MS = 1_800_000_000_000

/**
 * One clock and one order of things: every call of a store or a chain stops at a gate, and fast-check's scheduler says
 * which one goes on next. Between two gates nothing else runs, so that a seed is a whole run.
 */
export class Scheduler {
  nowMs = START_MS
  steps = 0
  /** Calls come through as they come, and time goes on only when nothing else can. */
  isQuiet = false
  readonly lines: string[] = []
  private readonly parked: Parked[] = []
  private timers: Timer[] = []
  private order = 0
  private turn: Parked | null = null
  private readonly digest = createHash('sha256')

  constructor(
    private readonly random: Random,
    /** How often time goes on although a call could. */
    private readonly haste: number,
    private readonly keepsLines: boolean,
    private readonly turns: fc.Scheduler,
  ) {}

  readonly now = (): number => this.nowMs

  process(name: string): Process {
    return { name, isDead: false, stoppedUntilMs: 0 }
  }

  /** Waits for its turn. What belongs to a dead process never goes on. */
  gate(process: Process, label: string): Promise<void> {
    if (process.isDead) return new Promise(() => undefined)
    return new Promise((resume) => {
      const parked = { process, label, resume }
      this.parked.push(parked)
      this.askForTurn(parked)
    })
  }

  private askForTurn(parked: Parked): void {
    void this.turns.schedule(Promise.resolve(), parked.label).then(() => {
      this.turn = parked
    })
  }

  /** Resolves when so much time has passed, or earlier by `wake`. */
  sleep(process: Process, ms: number): { done: Promise<void>; wake: () => void } {
    let finish: () => void = () => undefined
    const done = new Promise<void>((resolve) => {
      finish = resolve
    })
    const timer = this.at(this.nowMs + ms, () => finish(), process)
    const wake = () => {
      timer.atMs = Math.min(timer.atMs, this.nowMs)
    }
    return { done, wake }
  }

  at(atMs: number, fire: () => void, process: Process | null = null): Timer {
    const timer = { atMs: Math.max(atMs, this.nowMs), order: this.order++, process, fire }
    this.timers.push(timer)
    return timer
  }

  kill(process: Process): void {
    process.isDead = true
    for (let index = this.parked.length - 1; index >= 0; index--) {
      if (this.parked[index]?.process === process) this.parked.splice(index, 1)
    }
    this.timers = this.timers.filter((timer) => timer.process !== process)
    this.note(`kill ${process.name}`)
  }

  note(text: string): void {
    const line = `${this.nowMs - START_MS} ${text}`
    this.digest.update(`${line}\n`)
    if (this.keepsLines) this.lines.push(line)
  }

  /** What happened, in short: equal for equal runs. */
  fingerprint(): string {
    return this.digest.copy().digest('hex')
  }

  /** One thing happens. Everything that follows from it without a gate has happened when this resolves. */
  async step(): Promise<void> {
    this.steps++
    const ready = this.parked.filter(({ process }) => process.stoppedUntilMs <= this.nowMs)
    if (ready.length === 0 || (!this.isQuiet && this.random.chance(this.haste))) this.pass()
    else this.goOn(this.isQuiet ? (ready[0] as Parked) : await this.nextTurn(ready))
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** Whoever stands still when it is his turn asks again; a dead one does not. */
  private async nextTurn(ready: readonly Parked[]): Promise<Parked> {
    for (;;) {
      await this.turns.waitOne()
      const turn = this.turn as Parked
      if (ready.includes(turn)) return turn
      if (this.parked.includes(turn)) this.askForTurn(turn)
    }
  }

  private goOn(parked: Parked): void {
    this.parked.splice(this.parked.indexOf(parked), 1)
    this.note(`${parked.process.name} ${parked.label}`)
    parked.resume()
  }

  /** Time goes on to the next timer whose process is not standing still. */
  private pass(): void {
    let next: Timer | null = null
    for (const timer of this.timers) {
      if (!next || dueOf(timer) < dueOf(next) || (dueOf(timer) === dueOf(next) && timer.order < next.order))
        next = timer
    }
    if (!next) throw new Error('nothing can happen any more')
    this.nowMs = Math.max(this.nowMs, dueOf(next))
    this.timers.splice(this.timers.indexOf(next), 1)
    next.fire()
  }
}

function dueOf({ atMs, process }: Timer): number {
  return Math.max(atMs, process?.stoppedUntilMs ?? 0)
}
