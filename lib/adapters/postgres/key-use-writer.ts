import type { Pool } from 'pg'
import { SECOND_MS } from '@/lib/core/clock'

const WRITE_MS = 10 * SECOND_MS
const UPDATE = `UPDATE api_keys SET last_used_at = greatest(last_used_at, v.at)
  FROM unnest($1::text[], $2::timestamptz[]) AS v(id, at) WHERE api_keys.id = v.id`

/** When each key was last used, written every ten seconds for all keys at once and never per call. */
export class KeyUseWriter {
  private lastUse = new Map<string, number>()
  private timer: NodeJS.Timeout | null = null

  constructor(private readonly pool: Pool) {}

  used(keyId: string, atMs: number): void {
    this.lastUse.set(keyId, atMs)
  }

  start(): void {
    this.timer ??= setInterval(() => void this.write(), WRITE_MS).unref()
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
    await this.write()
  }

  private async write(): Promise<void> {
    if (this.lastUse.size === 0) return
    const batch = this.lastUse
    this.lastUse = new Map()
    const times = [...batch.values()].map((atMs) => new Date(atMs).toISOString())
    await this.pool.query(UPDATE, [[...batch.keys()], times]).catch(() => this.keep(batch))
  }

  /** What could not be written is written the next time, save where a newer use has come since. */
  private keep(batch: ReadonlyMap<string, number>): void {
    this.lastUse = new Map([...batch, ...this.lastUse])
  }
}
