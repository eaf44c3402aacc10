import { expect, vi } from 'vitest'
import { call } from './api'

export type LogRow = Record<string, unknown> & { id: string; at: string }

/** The newest rows of a key's log, once there are so many: rows are written some moments after the answer. */
export async function logOnceItHas(base: string, key: string, count: number, query = ''): Promise<LogRow[]> {
  return vi.waitFor(
    async () => {
      const { body } = await call(`${base}/verifications?limit=100${query}`, { key })
      expect(body.data).toHaveLength(count)
      return body.data as LogRow[]
    },
    { timeout: 20_000, interval: 50 },
  )
}
