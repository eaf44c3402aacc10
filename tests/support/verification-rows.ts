import { newId } from '@/lib/core/ids'
import type { LogOwner, VerificationPage, VerificationRow } from '@/lib/verifications/verification-store'

export const NOW = Date.parse('2026-11-21T12:00:00Z')
export const DAY = 86_400_000
export const now = () => NOW
export const owner: LogOwner = { tenantId: newId('tenant', NOW), mode: 'test' }

/** A row of the log as the database gives it. */
export function row(id: string, atMs: number, changes: Partial<VerificationRow> = {}): VerificationRow {
  return {
    at: new Date(atMs),
    id,
    mode: 'test',
    key_id: 'key_1',
    request_id: 'req_1',
    outcome: 'valid',
    reason: null,
    x402_version: 2,
    network: 'eip155:84532',
    asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
    payer: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
    pay_to: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
    amount: '1500000',
    nonce: `0x${'ab'.repeat(32)}`,
    resource: 'https://seller.example/weather',
    block: '7',
    duration_us: 1_234,
    ...changes,
  }
}

/** Rows in memory, read as the database reads them: newest first, by time and then by id. */
export function storeOf(rows: readonly VerificationRow[]) {
  const pages: VerificationPage[] = []
  const list = async (_: LogOwner, page: VerificationPage) => {
    pages.push(page)
    return [...rows]
      .sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1))
      .filter(({ at }) => at.getTime() >= page.fromMs && at.getTime() < page.toMs)
      .filter((entry) => !page.filters.outcome || entry.outcome === page.filters.outcome)
      .filter((entry) => isBefore(entry, page.before))
      .slice(0, page.limit)
  }
  return { pages, verifications: { list } }
}

function isBefore({ at, id }: VerificationRow, before: VerificationPage['before']): boolean {
  if (!before) return true
  return at.getTime() < before.atMs || (at.getTime() === before.atMs && id < before.id)
}

/** A row of this moment, with an id of it. */
export const madeAt = (atMs: number, changes: Partial<VerificationRow> = {}) =>
  row(newId('verification', atMs), atMs, changes)
