import { setTimeout as sleep } from 'node:timers/promises'

export type CountUsedDeps = {
  usage: { used(tenantId: string, mode: string, periodStart: Date): Promise<number> }
  log: {
    pendingUnits(tenantId: string, mode: string, periodStartMs: number): number
    atRest(): Promise<void>
    readonly batches: number
  }
}

const ATTEMPTS = 5
/** A batch that takes longer is held up by a database that hangs: there is no use in waiting for it. */
const BATCH_MS = 250

/**
 * Units of a period: what the database knows and what waits in this process to be written. A batch that is written
 * while the database is asked would count twice or not at all, so it is asked again.
 *
 * @throws AppError `database_unavailable`
 */
export async function countUsed(
  { usage, log }: CountUsedDeps,
  { tenantId, mode, start }: { tenantId: string; mode: string; start: Date },
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    await Promise.race([log.atRest(), sleep(BATCH_MS, undefined, { ref: false })])
    const batches = log.batches
    const stored = await usage.used(tenantId, mode, start)
    if (log.batches === batches || attempt === ATTEMPTS)
      return stored + log.pendingUnits(tenantId, mode, start.getTime())
  }
}
