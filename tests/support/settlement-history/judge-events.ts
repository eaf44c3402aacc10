import { type SettlementState, TRANSITIONS } from '@/lib/core/settlement-states'
import type { Event, Records } from './records'

/** I12: the versions are whole, every change is one that there is, and the last event says what the row says. */
export function eventsRebuildRows({ rows, events }: Records): string[] {
  const bySettlement = new Map<string, Event[]>()
  for (const event of events)
    bySettlement.set(event.settlement_id, [...(bySettlement.get(event.settlement_id) ?? []), event])
  return rows.flatMap(({ id, state, version }) => {
    const own = bySettlement.get(id) ?? []
    const wrong: string[] = []
    let before: SettlementState | null = null
    own.forEach((event, index) => {
      const { from, to } = TRANSITIONS[event.transition]
      const isAllowed = before === null ? from.length === 0 : (from as readonly string[]).includes(before)
      if (event.version !== index) wrong.push(`${id}: event ${index} has version ${event.version}`)
      if (!isAllowed || event.state !== to) wrong.push(`${id}: ${event.transition} from ${before} to ${event.state}`)
      before = event.state
    })
    if (before !== state || own.length - 1 !== version)
      wrong.push(`${id} is ${state} at version ${version}, its ${own.length} events say ${before}`)
    return wrong
  })
}
