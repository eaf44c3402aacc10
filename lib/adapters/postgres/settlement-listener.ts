import { Client } from 'pg'
import { SECOND_MS } from '@/lib/core/clock'
import type { WaitForChange } from '@/lib/settlements/settlement-store'

const RECONNECT_MS = SECOND_MS

/**
 * Hears what Postgres tells on one channel, over a connection of its own. A notice that is lost costs time and nothing
 * else: whoever waits looks for himself after a while.
 */
export class Listener {
  private client: Client | null = null
  private isStopped = false
  private retry: NodeJS.Timeout | null = null

  constructor(private readonly options: { url: string; channel: string; heard(payload: string): void }) {}

  start(): void {
    void this.connect()
  }

  async stop(): Promise<void> {
    this.isStopped = true
    if (this.retry) clearTimeout(this.retry)
    await this.client?.end().catch(() => undefined)
  }

  private async connect(): Promise<void> {
    const { url, channel, heard } = this.options
    const client = new Client({ connectionString: url, keepAlive: true, connectionTimeoutMillis: 1_500 })
    this.client = client
    client.on('notification', ({ payload = '' }) => heard(payload))
    client.on('error', () => this.again(client))
    client.on('end', () => this.again(client))
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
    } catch {
      // The health of the database is told elsewhere; here it is only tried again.
      this.again(client)
    }
  }

  private again(client: Client): void {
    if (this.isStopped || this.client !== client) return
    this.client = null
    client.end().catch(() => undefined)
    this.retry = setTimeout(() => void this.connect(), RECONNECT_MS).unref()
  }
}

/** Wakes those who wait for a settlement when a notice names it. */
export function createWaiters() {
  const waiting = new Map<string, Set<() => void>>()
  const waitForChange: WaitForChange = (id, ms) =>
    new Promise((resolve) => {
      const wakers = waiting.get(id) ?? new Set()
      const done = () => {
        clearTimeout(timer)
        wakers.delete(done)
        if (wakers.size === 0) waiting.delete(id)
        resolve()
      }
      const timer = setTimeout(done, ms)
      wakers.add(done)
      waiting.set(id, wakers)
    })
  /** A payload is one id, or several with commas between. */
  const heard = (payload: string) => {
    for (const id of payload.split(',')) for (const wake of [...(waiting.get(id) ?? [])]) wake()
  }
  return { waitForChange, heard }
}
