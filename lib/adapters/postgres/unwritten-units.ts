import type { Pool } from 'pg'
import type { LogEntry } from '@/lib/verifications/log-entry'
import { ADD_USAGE } from './log-insert'

type Units = { tenantId: string; mode: string; periodStartMs: number; waiting: number; lost: number }

/**
 * Units of quotas that the database does not know yet, by tenant, mode and period: of rows that wait, and of rows that
 * had to be dropped, whose units are written by themselves.
 */
export class UnwrittenUnits {
  private readonly byPeriod = new Map<string, Units>()

  waits(entry: LogEntry): void {
    this.change(entry, 1, 0)
  }

  written(entry: LogEntry): void {
    this.change(entry, -1, 0)
  }

  /** The row itself is lost; its unit is still to be written. */
  lost(entry: LogEntry): void {
    this.change(entry, 0, 1)
  }

  pending(tenantId: string, mode: string, periodStartMs: number): number {
    const units = this.byPeriod.get(keyOf(tenantId, mode, periodStartMs))
    return units ? units.waiting + units.lost : 0
  }

  hasLost(): boolean {
    for (const units of this.byPeriod.values()) if (units.lost > 0) return true
    return false
  }

  async writeLost(pool: Pool): Promise<void> {
    const lost = [...this.byPeriod.values()].filter((units) => units.lost > 0).map((units) => ({ ...units }))
    if (lost.length === 0) return
    await pool.query(ADD_USAGE, [
      lost.map((units) => units.tenantId),
      lost.map((units) => units.mode),
      lost.map((units) => new Date(units.periodStartMs).toISOString()),
      lost.map((units) => units.lost),
    ])
    for (const { tenantId, mode, periodStartMs, lost: count } of lost) {
      const units = this.byPeriod.get(keyOf(tenantId, mode, periodStartMs))
      if (units) this.settle(units, 0, -count)
    }
  }

  private change(entry: LogEntry, waiting: number, lost: number): void {
    if (entry.outcome === 'error') return
    const { tenantId, mode, periodStartMs } = entry
    const key = keyOf(tenantId, mode, periodStartMs)
    const units = this.byPeriod.get(key) ?? { tenantId, mode, periodStartMs, waiting: 0, lost: 0 }
    this.byPeriod.set(key, units)
    this.settle(units, waiting, lost)
  }

  private settle(units: Units, waiting: number, lost: number): void {
    units.waiting += waiting
    units.lost += lost
    if (units.waiting === 0 && units.lost === 0) {
      this.byPeriod.delete(keyOf(units.tenantId, units.mode, units.periodStartMs))
    }
  }
}

function keyOf(tenantId: string, mode: string, periodStartMs: number): string {
  return `${tenantId}/${mode}/${periodStartMs}`
}
