import type { Bounds } from './scenario'
import { until } from './settle-chain-chain'
import { judgeLane, untilQuiet } from './settle-chain-judge'
import type { SignedPayment } from './settle-chain-payments'
import type { Lane, LaneOptions, SettleStage } from './settle-chain-stage'

export type Size = 'short' | 'long'
export type Judged = { problems: readonly string[] }

/** One thing that a chain does, or that somebody does on it, to settlements of a lane. */
export type ChainScenario<Figures = Record<string, unknown>> = {
  name: string
  run(lane: Lane, size: Size): Promise<Figures>
  bounds: Bounds<NoInfer<Figures> & Judged>
}

/** Scenarios that share a lane, one after the other. */
export type LanePlan = { options: LaneOptions; scenarios: readonly ChainScenario[] }

export type Played = { name: string; bounds: Bounds<Judged>; figures: Judged; seconds: number }

const JUDGED: Bounds<Judged> = {
  'chain and database agree, and nothing is left open': ({ problems }) => problems.length === 0,
}

/** Lets any figures stand in one list; what a scenario measures is known to its own bounds only. */
export function scenario<Figures extends Record<string, unknown>>(one: ChainScenario<Figures>): ChainScenario {
  return one as unknown as ChainScenario
}

/** Bounds of figures that only their own scenario has. */
export function onlyOf<Figures>(bounds: Bounds<Figures>): Bounds<Judged> {
  return bounds as unknown as Bounds<Judged>
}

/** Plays the scenarios of a lane in turn; after each, everything on it is judged. A scenario that breaks off is told. */
export async function playLane(
  stage: SettleStage,
  { options, scenarios }: LanePlan,
  size: Size,
  onPlayed: (played: Played) => void,
): Promise<void> {
  const lane = await stage.openLane(options)
  for (const one of scenarios) onPlayed(await play(lane, one, size))
}

function play(lane: Lane, { name, bounds, run }: ChainScenario, size: Size): Promise<Played> {
  const judged = async () => ({ ...(await run(lane, size)), problems: await judgedWhenQuiet(lane) })
  return timed({ name, bounds: onlyOf(bounds) }, judged)
}

/** The same for one that brings chain and service itself, and has judged them. */
export async function playAlone(
  about: { name: string; bounds: Bounds<Judged> },
  run: () => Promise<Judged>,
  onPlayed: (played: Played) => void,
): Promise<void> {
  onPlayed(await timed(about, run))
}

async function timed(about: { name: string; bounds: Bounds<Judged> }, run: () => Promise<Judged>): Promise<Played> {
  const startedAt = performance.now()
  const secondsNow = () => Math.round((performance.now() - startedAt) / 100) / 10
  try {
    const figures = await run()
    return { name: about.name, bounds: boundsOf(about), figures, seconds: secondsNow() }
  } catch (error) {
    // It has no figures then, and the one thing to be told is why.
    const problems = [error instanceof Error ? (error.stack ?? error.message) : String(error)]
    return { name: about.name, bounds: JUDGED, figures: { problems }, seconds: secondsNow() }
  }
}

/** What is asked of every scenario, and of this one. */
export function boundsOf({ bounds }: { bounds: Bounds<Judged> }): Bounds<Judged> {
  return { ...bounds, ...JUDGED }
}

async function judgedWhenQuiet(lane: Lane): Promise<string[]> {
  await untilQuiet(lane).catch(() => undefined)
  return judgeLane(lane)
}

export type RowNow = {
  id: string
  state: string
  reason: string | null
  transaction_hash: string | null
  transaction_id: string | null
  seen_unused_block: string
  history: string[]
}

/** The row that holds a payment's key, or the last that did. */
export async function rowOf({ pool }: Pick<Lane, 'pool'>, { transfer }: SignedPayment): Promise<RowNow | null> {
  const { rows } = await pool.query<RowNow>(ROW, [transfer.payer, transfer.nonce])
  return rows[0] ?? null
}

const ROW = `SELECT id, state, reason, transaction_hash, transaction_id, seen_unused_block::text, ARRAY(
    SELECT transition FROM settlement_events WHERE settlement_id = settlements.id ORDER BY version) AS history
  FROM settlements WHERE payer = $1 AND nonce = $2 ORDER BY payment_key NULLS LAST, created_at DESC LIMIT 1`

/** Waits until the rows of all these payments are in one of some states. @throws with what they are, when they are not */
export async function untilStates(
  lane: Pick<Lane, 'pool'>,
  payments: readonly SignedPayment[],
  states: readonly string[],
  withinMs = 60_000,
): Promise<RowNow[]> {
  const look = () => Promise.all(payments.map((payment) => rowOf(lane, payment)))
  const isThere = (row: RowNow | null): row is RowNow => row !== null && states.includes(row.state)
  try {
    return await until(
      `all are ${states.join(' or ')}`,
      async () => {
        const rows = await look()
        return rows.every(isThere) ? rows : null
      },
      withinMs,
    )
  } catch (cause) {
    const rows = (await look()).filter((row) => !isThere(row))
    throw new Error(`${(cause as Error).message}: ${JSON.stringify(rows)}`, { cause })
  }
}

/** Waits until their bytes are in the node's pool: they are stored before they are sent, and a block may come between. */
export async function untilSent(
  lane: Pick<Lane, 'pool' | 'chain'>,
  payments: readonly SignedPayment[],
): Promise<RowNow[]> {
  await untilStates(lane, payments, ['broadcast'])
  return until('their transactions are in the pool', async () => {
    const rows = (await Promise.all(payments.map((payment) => rowOf(lane, payment)))) as RowNow[]
    const hashes = [...new Set(rows.map(({ transaction_hash }) => transaction_hash))]
    const known = await Promise.all(hashes.map((hash) => lane.chain.call('eth_getTransactionByHash', [hash])))
    return known.every((transaction) => transaction !== null) ? rows : null
  })
}

export function countOf<T>(values: readonly T[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1
  return counts
}
