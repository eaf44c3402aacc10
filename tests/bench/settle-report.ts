import { median } from './processes'
import type { SettleRound } from './settle-load'

type Column = {
  [Field in keyof SettleRound]: SettleRound[Field] extends number ? Field : never
}[keyof SettleRound]

type Rounds = readonly SettleRound[]
type BothSides = Record<'reference' | 'ours', SettleRound[]>
/** Rounds with many payments in flight, and rounds with 50. */
export type SettleResults = { many: BothSides; fifty: BothSides }

const COLUMNS: readonly { title: string; field: Column; digits: number }[] = [
  { title: 'settled/s', field: 'perSecond', digits: 1 },
  { title: 'p50 ms', field: 'p50Ms', digits: 0 },
  { title: 'p95 ms', field: 'p95Ms', digits: 0 },
  { title: 'p99 ms', field: 'p99Ms', digits: 0 },
  { title: 'CPU ms each', field: 'cpuMsEach', digits: 2 },
  { title: 'Postgres + Redis', field: 'besideMsEach', digits: 2 },
  { title: 'transactions each', field: 'transactionsEach', digits: 4 },
  { title: 'gas each', field: 'gasEach', digits: 0 },
]
const COUNTS: readonly { title: string; field: Column }[] = [
  { title: 'not settled', field: 'wrong' },
  { title: 'reverted', field: 'reverted' },
  { title: 'unlike the chain', field: 'unmatched' },
]

/** Lines of a table: medians of what is measured, sums of what is counted. */
export function tableOf({ many, fifty }: SettleResults, inFlight: number): string[] {
  const titles = [...COLUMNS, ...COUNTS].map(({ title }) => title)
  const row = (name: string, rounds: Rounds) => {
    if (rounds.length === 0) return []
    const measured = COLUMNS.map(({ field, digits }) => medianOf(rounds, field).toFixed(digits))
    const counted = COUNTS.map(({ field }) => String(sumOf(rounds, field)))
    const cells = [...measured, ...counted].map((cell, index) => cell.padStart((titles[index] as string).length))
    return [`${name.padEnd(24)}${cells.join('   ')}`]
  }
  return [
    `${'medians'.padEnd(24)}${titles.join('   ')}`,
    ...row(`reference, ${inFlight} in flight`, many.reference),
    ...row(`ours, ${inFlight} in flight`, many.ours),
    ...row('reference, 50', fifty.reference),
    ...row('ours, 50', fifty.ours),
  ]
}

/** The line of one round, as it ends. */
export function lineOf(name: string, round: SettleRound): string {
  const { perSecond, p50Ms, p95Ms, p99Ms, cpuMsEach, transactionsEach, gasEach, reverted, unmatched, refusals } = round
  const parts = [
    `${perSecond.toFixed(1)}/s`,
    `p50 ${p50Ms.toFixed(0)} p95 ${p95Ms.toFixed(0)} p99 ${p99Ms.toFixed(0)} ms`,
    `CPU ${cpuMsEach.toFixed(2)} ms`,
    `${transactionsEach.toFixed(4)} transactions, ${gasEach.toFixed(0)} gas each`,
    ...(reverted > 0 ? [`${reverted} reverted`] : []),
    ...(unmatched === 0 ? [] : [`the chain has ${unmatched} settlements more than were answered`]),
    ...Object.entries(refusals).map(([reason, count]) => `${count} × ${reason}`),
  ]
  return `${name}: ${parts.join(' · ')}`
}

/** What the last line says. A ratio is ours by theirs, and null where one of them was not measured. */
export function summaryOf({ many, fifty }: SettleResults) {
  const both = [...many.ours, ...fifty.ours]
  return {
    throughputRatio: ratio(many, 'perSecond'),
    p95Ratio: ratio(many, 'p95Ms'),
    p95MsAt50: rounded(fifty.ours, 'p95Ms', 0),
    cpuRatio: ratio(many, 'cpuMsEach'),
    gasRatio: ratio(many, 'gasEach'),
    transactionsPerSettlement: rounded(many.ours, 'transactionsEach', 4),
    revertedByUs: both.length > 0 ? sumOf(both, 'reverted') : null,
    perSecond: rounded(many.ours, 'perSecond', 1),
    referencePerSecond: rounded(many.reference, 'perSecond', 1),
    p95Ms: rounded(many.ours, 'p95Ms', 0),
    referenceP95Ms: rounded(many.reference, 'p95Ms', 0),
    cpuMs: rounded(many.ours, 'cpuMsEach', 2),
    referenceCpuMs: rounded(many.reference, 'cpuMsEach', 2),
    referenceP95MsAt50: rounded(fifty.reference, 'p95Ms', 0),
    p95RatioAt50: ratio(fifty, 'p95Ms'),
    notSettled: sumOf(both, 'wrong'),
    unlikeTheChain: unlikeTheChain(both),
  }
}

/** How many answers the chain does not bear out, so that more in one round does not hide fewer in another. */
function unlikeTheChain(rounds: Rounds): number {
  return rounds.reduce((sum, { unmatched }) => sum + Math.abs(unmatched), 0)
}

function ratio({ reference, ours }: BothSides, field: Column): number | null {
  if (reference.length === 0 || ours.length === 0) return null
  return Number((medianOf(ours, field) / medianOf(reference, field)).toFixed(4))
}

function rounded(rounds: Rounds, field: Column, digits: number): number | null {
  return rounds.length === 0 ? null : Number(medianOf(rounds, field).toFixed(digits))
}

function medianOf(rounds: Rounds, field: Column): number {
  return median(rounds.map((round) => round[field]))
}

function sumOf(rounds: Rounds, field: Column): number {
  return rounds.reduce((sum, round) => sum + round[field], 0)
}
