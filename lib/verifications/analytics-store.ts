import type { Outcome } from './log-entry'
import type { LogOwner } from './verification-store'

export type OutcomeCount = { outcome: Outcome; count: number }
export type Volume = { network: string; asset: string; count: number; volume: string }

/** Sums over the roll-ups since the start of a UTC day or hour. Volumes are atomic units, as text. */
export type AnalyticsStore = {
  outcomesByDay(owner: LogOwner, from: Date): Promise<(OutcomeCount & { day: string })[]>
  outcomesByNetwork(owner: LogOwner, from: Date): Promise<(OutcomeCount & { network: string })[]>
  volumes(owner: LogOwner, from: Date): Promise<Volume[]>
  latencyByDay(owner: LogOwner, from: Date): Promise<{ at: string; counts: number[] }[]>
  latencyByHour(owner: LogOwner, from: Date): Promise<{ at: string; counts: number[] }[]>
  reasons(owner: LogOwner, from: Date, limit: number): Promise<{ reason: string; count: number }[]>
  keys(owner: LogOwner, from: Date): Promise<(OutcomeCount & { keyId: string })[]>
  /** `unique`: how many paid at all. */
  payers(owner: LogOwner, from: Date, limit: number): Promise<{ unique: number; top: (Volume & { payer: string })[] }>
  resources(owner: LogOwner, from: Date, limit: number): Promise<(Volume & { resource: string })[]>
}
