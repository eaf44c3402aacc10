import { listTag, readCursor, writeCursor } from '@/lib/core/list-cursor'
import type { SettlementFilters, SettlementOwner, SettlementReader, SettlementRecord } from './settlement-reader'

export type PageDeps = { settlements: Pick<SettlementReader, 'list'> }

export type PageInput = {
  owner: SettlementOwner
  from?: Date | undefined
  to?: Date | undefined
  limit: number
  cursor?: string | undefined
}

type Page<Item> = { data: Item[]; hasMore: boolean; nextCursor: string | null }

/**
 * One page of a tenant's settlements, newest first, as the list of that name shows them.
 *
 * @throws AppError `parameter_invalid` for a cursor of another list
 */
export async function readPage<Item>(
  { settlements }: PageDeps,
  name: string,
  { owner, from, to, limit, cursor }: PageInput,
  filters: SettlementFilters,
  toItem: (row: SettlementRecord) => Item,
): Promise<Page<Item>> {
  const tag = listTag([name, filters, from?.getTime() ?? null, to?.getTime() ?? null])
  const before = cursor === undefined ? null : readCursor('settlement', tag, cursor)
  const page = { filters, from: from ?? null, to: to ?? null, before, limit: limit + 1 }
  // No state fits: there is nothing to ask for.
  const rows = filters.states?.length === 0 ? [] : await settlements.list(owner, page)
  const shown = rows.slice(0, limit)
  const hasMore = rows.length > limit
  const last = shown.at(-1)
  return {
    data: shown.map(toItem),
    hasMore,
    nextCursor: hasMore && last ? writeCursor(tag, { atMs: last.created_at.getTime(), id: last.id }) : null,
  }
}
