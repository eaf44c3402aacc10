import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { type Clock, SECOND_MS } from '@/lib/core/clock'
import type { Log, LogEntry } from '@/lib/verifications/log-entry'
import { INSERT_LOG, logParameters } from './log-insert'
import { ensurePartition, startOfDay } from './log-partitions'
import { isConnectionError } from './pool'
import { UnwrittenUnits } from './unwritten-units'

export type LogWriterOptions = {
  now: Clock
  /** Tells of what was lost or cannot be written. */
  onProblem(message: string, cause: unknown): void
  maxWaitingRows?: number
}

const FLUSH_MS = 200
const MAX_BATCH = 1_000
const MAX_WAITING_ROWS = 100_000
const MAX_WAITING_BYTES = 128 * 1024 * 1024
const LONGEST_PAUSE_MS = 2 * SECOND_MS

/**
 * Collects entries in memory and writes them in batches. While the database is away they wait, up to a bound; beyond
 * it rows are dropped and counted, though never the units of a tenant's quota.
 */
export class LogWriter implements Log {
  private readonly units = new UnwrittenUnits()
  private readonly partitions = new Set<string>()
  private readonly maxRows: number
  private waiting: LogEntry[] = []
  private waitingBytes = 0
  private dropped = 0
  private begun = 0
  private pauseMs = FLUSH_MS
  private timer: NodeJS.Timeout | null = null
  private running: Promise<void> | null = null
  private stopping = false

  constructor(
    private readonly pool: Pool,
    private readonly options: LogWriterOptions,
  ) {
    this.maxRows = options.maxWaitingRows ?? MAX_WAITING_ROWS
  }

  append(entry: LogEntry): void {
    if (this.waiting.length < this.maxRows && this.waitingBytes < MAX_WAITING_BYTES) {
      this.waiting.push(entry)
      this.waitingBytes += entry.request.length
      this.units.waits(entry)
    } else {
      if (this.dropped === 0) this.options.onProblem('the log buffer is full; rows are dropped, units are kept', null)
      this.dropped++
      this.units.lost(entry)
    }
    this.schedule(this.waiting.length >= MAX_BATCH ? 0 : this.pauseMs)
  }

  /** Units of a period that are not in the database yet. */
  pendingUnits(tenantId: string, mode: string, periodStartMs: number): number {
    return this.units.pending(tenantId, mode, periodStartMs)
  }

  /** Settles when no batch is on its way: one that is may or may not be in the database already. */
  async atRest(): Promise<void> {
    await this.running
  }

  /** Changes with every batch. */
  get batches(): number {
    return this.begun
  }

  /** Rows waiting, and rows lost since the start. */
  state(): { waiting: number; dropped: number } {
    return { waiting: this.waiting.length, dropped: this.dropped }
  }

  /** Writes what waits and stops; gives up after `timeoutMs` when the database is away. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true
    if (this.timer) clearTimeout(this.timer)
    const deadline = this.options.now() + timeoutMs
    await this.running
    await this.flush()
    while (this.waiting.length > 0 && this.options.now() < deadline) {
      await sleep(FLUSH_MS)
      await this.flush()
    }
    if (this.waiting.length > 0) this.options.onProblem(`${this.waiting.length} log rows were lost at the stop`, null)
  }

  private schedule(delayMs: number): void {
    if (this.timer || this.running || this.stopping) return
    this.timer = setTimeout(() => {
      this.timer = null
      this.begun++
      this.running = this.flush().finally(() => {
        this.running = null
        if (this.waiting.length > 0 || this.units.hasLost()) this.schedule(this.pauseMs)
      })
    }, delayMs)
  }

  private async flush(): Promise<void> {
    while (this.waiting.length > 0 || this.units.hasLost()) {
      try {
        await this.units.writeLost(this.pool)
        await this.write(this.waiting.slice(0, MAX_BATCH))
        this.pauseMs = FLUSH_MS
      } catch (error) {
        this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS)
        this.options.onProblem('the log could not be written; its rows wait', error)
        return
      }
    }
  }

  /** Writes the oldest rows. One that cannot be stored is found by halving, and alone is lost. */
  private async write(batch: LogEntry[]): Promise<void> {
    if (batch.length === 0) return
    await this.ensurePartitions(batch)
    try {
      await this.pool.query({ name: 'insert_log', text: INSERT_LOG, values: logParameters(batch) })
    } catch (error) {
      if (isConnectionError(error)) throw error
      if (batch.length > 1) return this.write(batch.slice(0, batch.length >> 1))
      this.options.onProblem(`the log row ${batch[0]?.id} cannot be stored and is dropped`, error)
      this.dropped++
      for (const entry of batch) this.units.lost(entry)
    }
    this.forget(batch)
  }

  private async ensurePartitions(batch: LogEntry[]): Promise<void> {
    for (const { retentionDays, atMs } of batch) {
      const key = `${retentionDays}/${startOfDay(atMs)}`
      if (this.partitions.has(key)) continue
      await ensurePartition(this.pool, retentionDays, startOfDay(atMs))
      this.partitions.add(key)
    }
  }

  private forget(batch: LogEntry[]): void {
    this.waiting = this.waiting.slice(batch.length)
    for (const entry of batch) {
      this.waitingBytes -= entry.request.length
      this.units.written(entry)
    }
  }
}
