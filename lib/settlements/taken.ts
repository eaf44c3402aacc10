import type { SettlementId } from './settlement'
import type { Ready, SettlerStore } from './settler-store'

/** The rows of a round that are nowhere yet: not signed, not refused, not given back. None of them may be forgotten. */
export class Taken {
  private readonly ids: Set<SettlementId>

  constructor(
    private readonly store: Pick<SettlerStore, 'putBack'>,
    rows: readonly Ready[],
  ) {
    this.ids = new Set(rows.map(({ id }) => id))
  }

  done(rows: readonly Pick<Ready, 'id'>[]): void {
    for (const { id } of rows) this.ids.delete(id)
  }

  /** Gives back those of these that are still here, to be taken again after so many milliseconds. */
  async putBack(rows: readonly Pick<Ready, 'id'>[], afterMs: number): Promise<void> {
    const here = rows.filter(({ id }) => this.ids.has(id))
    if (here.length === 0) return
    await this.store.putBack(
      here.map(({ id }) => id),
      afterMs,
    )
    this.done(here)
  }

  putBackAll(afterMs: number): Promise<void> {
    return this.putBack(
      [...this.ids].map((id) => ({ id })),
      afterMs,
    )
  }
}
