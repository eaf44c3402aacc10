import { Redis } from 'ioredis'
import { type Clock, SECOND_MS } from '@/lib/core/clock'
import type { SharedCounts, TakeInput, Taken } from '@/lib/usage/limiter'
import type { LimitName, Period } from '@/lib/usage/limits'
import { GIVE_BACK_SCRIPT, LIMIT_SCRIPT } from './limit-script'

type Scripted = Redis & {
  x402Take(windows: string, month: string, ...args: (string | number)[]): Promise<number[]>
  x402GiveBack(month: string): Promise<number>
}

const PROBE_PATIENCE_MS = 200
const SLICES = 5
/** Only so that commands of a Redis that hangs do not pile up; nobody waits that long. */
const COMMAND_TIMEOUT_MS = 2_000
const PROBE_MS = 500
const REFUSED_BY: readonly (LimitName | null)[] = [null, 'minute', 'hour', 'month']
const NEEDS_SEED = 4

/**
 * Counts in Redis. A Redis that is dead or slow costs one request at most 200 ms, and then nobody: until a probe is
 * answered in time, every take gives null at once and the process counts for itself.
 */
export class RedisCounts implements SharedCounts {
  private readonly redis: Scripted
  private isUp = true
  private comeBacks = 0
  private probe: NodeJS.Timeout | null = null

  constructor(
    url: string,
    private readonly now: Clock,
  ) {
    this.redis = connect(url)
  }

  async take(input: TakeInput, seed: number | null, patienceMs: number): Promise<Taken | 'needs_seed' | null> {
    if (!this.canServe()) return null
    try {
      const asked = this.redis.x402Take(windowsKey(input), monthKeyOf(input), ...argumentsOf(input, seed))
      const answer = await inTime(patienceMs, asked)
      return answer[0] === NEEDS_SEED ? 'needs_seed' : readTaken(answer)
    } catch {
      // Whatever it was (a time-out, LOADING, READONLY, OOM), the caller counts for itself until a probe succeeds.
      this.goDown()
      return null
    }
  }

  outages(): number {
    return this.comeBacks
  }

  giveBack(subject: string, period: Period): void {
    if (!this.canServe()) return
    // A unit that cannot be given back now is given back when the month is seeded anew, within the hour.
    this.redis.x402GiveBack(monthKey(subject, period)).catch(() => this.goDown())
  }

  /** Milliseconds of one round trip. @throws when Redis does not answer */
  async ping(): Promise<number> {
    const startedAt = this.now()
    await this.redis.ping()
    return this.now() - startedAt
  }

  close(): void {
    if (this.probe) clearInterval(this.probe)
    this.redis.disconnect()
  }

  private canServe(): boolean {
    return this.isUp && this.redis.status === 'ready'
  }

  private goDown(): void {
    this.isUp = false
    this.probe ??= setInterval(
      () => void inTime(PROBE_PATIENCE_MS, this.redis.ping()).then(() => this.comeBack(), ignore),
      PROBE_MS,
    ).unref()
  }

  private comeBack(): void {
    if (this.probe) clearInterval(this.probe)
    this.probe = null
    this.comeBacks++
    this.isUp = true
  }
}

/**
 * The answer, or an error after so many milliseconds in which this process ran. The time is waited for in slices, and a
 * stall of our own uses up one of them at most: between two slices an answer that is there already is read, so that a
 * Redis that answers is not taken for a dead one.
 */
function inTime<T>(patienceMs: number, asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout
    const wait = (slices: number) => {
      timer = setTimeout(() => {
        if (slices > 1) wait(slices - 1)
        else reject(new Error('Redis did not answer in time'))
      }, patienceMs / SLICES)
    }
    wait(SLICES)
    asked.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** A probe that is not answered changes nothing: the next one follows. */
function ignore(): void {}

/** The settings are measured: with ioredis's defaults two thirds of the calls hung for over 5 s beside a dead Redis. */
function connect(url: string): Scripted {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    // Commands of one turn of the event loop leave in one write.
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: SECOND_MS,
    retryStrategy: (attempt) => Math.min(attempt * 100, SECOND_MS),
    scripts: {
      x402Take: { lua: LIMIT_SCRIPT, numberOfKeys: 2 },
      x402GiveBack: { lua: GIVE_BACK_SCRIPT, numberOfKeys: 1 },
    },
  })
  // Without a listener a lost connection would end the process; the health route tells of it.
  redis.on('error', () => undefined)
  return redis as Scripted
}

/** The keys of a subject hash to one slot of a Redis Cluster. */
function windowsKey({ subject }: TakeInput): string {
  return `x402:{${subject}}:windows`
}

function monthKey(subject: string, period: Period): string {
  return `x402:{${subject}}:month:${period.start.getTime()}`
}

/** The script wants a second key even where no month is asked for. */
function monthKeyOf(input: TakeInput): string {
  return input.quota ? monthKey(input.subject, input.quota.period) : windowsKey(input)
}

function argumentsOf({ limits, quota }: TakeInput, seed: number | null): number[] {
  const { minute, hour, monthHard } = limits
  return [minute ?? -1, hour ?? -1, monthHard ?? -1, quota?.units ?? 0, quota ? 1 : 0, seed ?? -1]
}

type Nine = [number, number, number, number, number, number, number, number, number]

function readTaken(answer: number[]): Taken {
  const [refused, mi, mc, mp, hi, hc, hp, month, nowMs] = answer as Nine
  return {
    refusedBy: REFUSED_BY[refused] ?? null,
    minute: { index: mi, current: mc, previous: mp },
    hour: { index: hi, current: hc, previous: hp },
    month,
    nowMs,
  }
}
