import { setTimeout as sleep } from 'node:timers/promises'
import { isPaid, type SettlementState, TRANSITIONS, type TransitionName } from '@/lib/core/settlement-states'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { type ChainHistory, type ChainTransfer, readChainHistory } from './chain-history'
import { queryDatabase } from './database'
import type { SettleCall, SettleClient } from './settle-client'

export type HistoryInput = {
  databaseUrl: string
  chain: LocalChain
  client: SettleClient
  /** The body of every payment that was ever sent, by its key. */
  bodies: ReadonlyMap<string, string>
  /** Our wallets in lower case, with what each had before anything was settled. */
  wallets: ReadonlyMap<string, { nonce: bigint; balance: bigint }>
  /** Sellers in lower case, with the tokens that each had before. */
  sellers: ReadonlyMap<string, { tokens: bigint; tokensNow(): Promise<bigint> }>
  patienceMs: number
  /** Payments whose transaction fails because of what their payer did meanwhile. */
  mayRevert?: ReadonlySet<string>
}

type Row = {
  id: string
  key: string
  payment_key: string | null
  tenant_id: string
  pay_to: string
  payer: string
  amount: string
  state: SettlementState
  version: number
  reason: string | null
  is_ready: boolean
  released_at: Date | null
  granted_at: Date | null
  transaction_hash: string | null
  position: number | null
}

type Event = {
  settlement_id: string
  version: number
  transition: TransitionName
  state: SettlementState
  at: Date
}
type Entry = { transaction_hash: string; account: string; asset: string; amount: string; settlement_id: string | null }
type Transaction = { wallet: string; nonce: string; state: string; mined_hash: string | null; members: string[] }

type Records = {
  rows: Row[]
  events: Event[]
  ledger: Entry[]
  used: { transaction_hash: string; position: number; settlement_id: string }[]
  flights: { payer: string; in_flight: string }[]
  transactions: Transaction[]
}

/** `unsent`: whoever is told that nothing was sent is not charged. The others bear the numbers of the fault catalogue. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I12' | 'unsent'

export type History = {
  /** What breaks each invariant, in words; empty lists when all is well. */
  broken: Record<Invariant, string[]>
  facts: {
    payments: number
    calls: number
    outcomes: Record<string, number>
    rows: Record<string, number>
    transfers: number
    transactions: number
    reverted: number
    /** Granted, and the connection was gone before the answer had come. */
    unheardGrants: number
    redeemed: number
    slowestMs: number
    quietMs: number | null
  }
}

type Judged = HistoryInput & { calls: readonly SettleCall[]; records: Records; onChain: ChainHistory }

/** How a row may stand when nobody works on it any more: nothing is owed to whoever asks. */
const isAtRest = ({ state, is_ready }: Row) => !['queued', 'broadcast', 'reorged'].includes(state) && !is_ready

/** Waits until nothing is under way, redeems what was paid and never granted, and judges every call and every row. */
export async function judgeHistory(input: HistoryInput): Promise<History> {
  const quietMs = await untilQuiet(input.databaseUrl, input.patienceMs)
  const asked = [...input.client.calls]
  const redeemed = await redeemAll(input)
  const records = await readRecords(input.databaseUrl)
  const onChain = await readChainHistory(input.chain, [...input.wallets.keys()])
  const judged: Judged = { ...input, calls: input.client.calls, records, onChain }
  return {
    broken: {
      I1: oneOfEach(judged),
      I2: grantsArePaid(judged),
      I3: [...redeemed.refused, ...paidIsNotDenied(judged)],
      I4: outcomesAreKnown(judged, quietMs),
      I5: await ledgerIsTrue(judged),
      I6: walletsAreWhole(judged),
      I7: nothingReverted(judged),
      I12: eventsRebuildRows(records),
      unsent: nothingWasSent(asked, onChain),
    },
    facts: { ...factsOf(judged), redeemed: redeemed.count, quietMs },
  }
}

/** The figures of whatever was judged so. */
export type HistoryFigures = { history: History }

/** Each invariant in words, for the list of a scenario. */
export const HISTORY_BOUNDS: Record<string, (figures: HistoryFigures) => boolean> = {
  'a payment has one row, one grant and one transfer at most': ({ history }) => history.broken.I1.length === 0,
  'no success is answered without a transfer of its own': ({ history }) => history.broken.I2.length === 0,
  'nobody who has paid is denied, and what was never granted is granted to a repeat': ({ history }) =>
    history.broken.I3.length === 0,
  'every outcome is known within 90 s': ({ history }) => history.broken.I4.length === 0,
  'the ledger adds up to zero, and its balances are those of the chain': ({ history }) =>
    history.broken.I5.length === 0,
  'no nonce is left out, stuck or used twice, and each settled row has a transfer of its own': ({ history }) =>
    history.broken.I6.length === 0,
  'no transaction of ours reverted': ({ history }) => history.broken.I7.length === 0,
  'who was told that nothing was sent, and did not ask again, is never charged': ({ history }) =>
    history.broken.unsent.length === 0,
  'the events alone rebuild the state of every row': ({ history }) => history.broken.I12.length === 0,
}

/** Milliseconds until nothing was under way; null when something still is after our patience. */
async function untilQuiet(databaseUrl: string, patienceMs: number): Promise<number | null> {
  const startedAt = Date.now()
  while (Date.now() - startedAt < patienceMs) {
    const [busy] = await queryDatabase<{ count: number }>(databaseUrl, BUSY).catch(() => [])
    if (busy?.count === 0) return Date.now() - startedAt
    await sleep(200)
  }
  return null
}

const BUSY = `SELECT (
    (SELECT count(*) FROM settlements WHERE state IN ('queued', 'broadcast', 'reorged') OR is_ready) +
    (SELECT count(*) FROM chain_transactions WHERE state = 'open'))::int AS count`

/** What was paid and never granted is owed to the seller who asks again with the same body. */
async function redeemAll({ databaseUrl, client, bodies }: HistoryInput) {
  const owed = await queryDatabase<{ key: string; id: string }>(
    databaseUrl,
    `SELECT id, ${KEY} AS key FROM settlements WHERE granted_at IS NULL AND NOT is_magic
       AND state IN ('mined', 'final', 'settled_by_other')`,
  )
  const refused: string[] = []
  for (const { key, id } of owed) {
    const body = bodies.get(key)
    const call = body ? await client.settleUntilFinal(body) : null
    if (call?.outcome !== 'success') refused.push(`${id} is paid and was never granted: ${call?.reason ?? 'no body'}`)
  }
  return { count: owed.length, refused }
}

const KEY = ['nonce', 'payer', 'asset', 'network'].map((column) => `settlements.${column}`).join(` || '/' || `)

async function readRecords(databaseUrl: string): Promise<Records> {
  const [rows, events, ledger, used, flights, transactions] = await Promise.all([
    queryDatabase<Row>(
      databaseUrl,
      `SELECT id, ${KEY} AS key, payment_key, tenant_id, pay_to, payer, amount::text, state, version, reason, is_ready,
         released_at, granted_at, transaction_hash, position FROM settlements WHERE NOT is_magic`,
    ),
    queryDatabase<Event>(
      databaseUrl,
      'SELECT settlement_id, version, transition, state, at FROM settlement_events ORDER BY settlement_id, version',
    ),
    queryDatabase<Entry>(
      databaseUrl,
      'SELECT transaction_hash, account, asset, amount::text, settlement_id FROM ledger_entries',
    ),
    queryDatabase<Records['used'][number]>(
      databaseUrl,
      'SELECT transaction_hash, position, settlement_id FROM used_transfers',
    ),
    queryDatabase<Records['flights'][number]>(databaseUrl, 'SELECT payer, in_flight::text FROM payer_flights'),
    queryDatabase<Transaction>(databaseUrl, TRANSACTIONS),
  ])
  return { rows, events, ledger, used, flights, transactions }
}

const TRANSACTIONS = `SELECT wallet, tx.nonce::text, tx.state, mined_hash, COALESCE((SELECT array_agg(DISTINCT ${KEY})
    FROM chain_attempts AS attempt JOIN attempt_members AS member USING (network, hash)
    JOIN settlements ON settlements.id = member.settlement_id WHERE attempt.transaction_id = tx.id), '{}') AS members
  FROM chain_transactions AS tx ORDER BY tx.nonce`

/** I1. Repeats under the seller's own Idempotency-Key are one and the same grant. */
function oneOfEach({ calls, records, onChain }: Judged): string[] {
  const held = records.rows.filter(({ payment_key }) => payment_key !== null).map(({ key }) => key)
  const grants = new Map<string, string[]>()
  for (const [index, { outcome, paymentKey, idempotencyKey }] of calls.entries()) {
    if (outcome !== 'success') continue
    grants.set(paymentKey, [...(grants.get(paymentKey) ?? []), idempotencyKey ?? `call ${index}`])
  }
  return [
    ...repeated(held).map((key) => `${key} has several rows`),
    ...[...grants].flatMap(([key, to]) => (new Set(to).size > 1 ? [`${key} was granted ${to.length} times`] : [])),
    ...repeated(onChain.transfers.map(({ paymentKey }) => paymentKey)).map((key) => `${key} was transferred twice`),
  ]
}

/** I2 */
function grantsArePaid({ calls, onChain, records }: Judged): string[] {
  const transfers = byKey(onChain.transfers)
  const reorged = new Set(records.events.flatMap((event) => (event.transition === 'reorg' ? event.settlement_id : [])))
  const rows = new Map(records.rows.map((row) => [row.key, row]))
  const granted = calls.filter(({ outcome }) => outcome === 'success')
  const places = new Map(granted.map(({ paymentKey }) => [paymentKey, placeOf(transfers.get(paymentKey))]))
  const wrong = granted.flatMap(({ paymentKey, transaction }) => {
    const transfer = transfers.get(paymentKey)
    if (!transfer) return [`${paymentKey} was granted, and nothing was transferred`]
    const mayDiffer = reorged.has(rows.get(paymentKey)?.id ?? '')
    return transfer.hash === transaction || mayDiffer ? [] : [`${paymentKey}: ${transaction} was answered, not its own`]
  })
  return [...wrong, ...repeated([...places.values()]).map((place) => `${place} serves two payments`)]
}

function placeOf(transfer: { hash: string; position: number } | undefined): string {
  return transfer ? `${transfer.hash}/${transfer.position}` : 'nowhere'
}

/** I3: of what the chain has. A client's last answer may be lost, but never a refusal. */
function paidIsNotDenied({ calls, onChain, records }: Judged): string[] {
  const rows = new Map(records.rows.flatMap((row) => (row.released_at ? [] : [[row.key, row] as const])))
  const last = new Map(calls.map((call) => [call.paymentKey, call]))
  return onChain.transfers.flatMap(({ paymentKey, hash }) => {
    const row = rows.get(paymentKey)
    if (!row) return [`${paymentKey} was transferred in ${hash}, and no row knows`]
    if (!isPaid(row.state)) return [`${paymentKey} was transferred in ${hash}, and its row ${row.id} is ${row.state}`]
    const { outcome, reason } = last.get(paymentKey) ?? {}
    return outcome === 'refused' ? [`${paymentKey} is paid, and its caller was told ${reason}`] : []
  })
}

/** I4 */
function outcomesAreKnown({ calls, records, patienceMs }: Judged, quietMs: number | null): string[] {
  const unknown = records.rows.filter((row) => !isAtRest(row)).map(({ id, state }) => `${id} is still ${state}`)
  const times = answerTimes(calls)
  const late = [...times].flatMap(([key, ms]) => (ms > patienceMs ? [`${key} was answered after ${ms} ms`] : []))
  const asked = [...new Set(calls.map(({ paymentKey }) => paymentKey))]
  const open = asked.filter((key) => !times.has(key) && isOwed(calls, key))
  return [
    ...(quietMs === null ? ['something is under way for ever'] : []),
    ...unknown,
    ...late,
    ...open.map((key) => `${key} was never answered`),
  ]
}

/** Milliseconds from the first time that a payment was sent to the first answer that ends it. */
function answerTimes(calls: readonly SettleCall[]): Map<string, number> {
  const first = new Map<string, number>()
  for (const { paymentKey, sentAt } of calls) first.set(paymentKey, Math.min(sentAt, first.get(paymentKey) ?? sentAt))
  const times = new Map<string, number>()
  for (const { paymentKey, endedAt, outcome } of calls) {
    if (!ENDS.includes(outcome) || times.has(paymentKey)) continue
    times.set(paymentKey, endedAt - (first.get(paymentKey) ?? endedAt))
  }
  return times
}

const ENDS = ['success', 'duplicate', 'refused']
/** A caller who was told that nothing was sent, and did not ask again, has his answer. */
const isOwed = (calls: readonly SettleCall[], key: string) =>
  calls.findLast(({ paymentKey }) => paymentKey === key)?.outcome !== 'unavailable'

/** I5 */
async function ledgerIsTrue(judged: Judged): Promise<string[]> {
  const { records } = judged
  const sums = [...sumBy(records.ledger, ({ asset }) => asset)]
  const accounts = sumBy(records.ledger, ({ account }) => account)
  const unbalanced = sums.flatMap(([asset, sum]) => (sum === 0n ? [] : [`the entries of ${asset} add up to ${sum}`]))
  const flying = records.flights.filter(({ in_flight }) => in_flight !== '0')
  const differences = [...payersOf(judged), ...(await sellersOf(judged)), ...walletsOf(judged)].flatMap(
    ({ account, moved }) => {
      const entered = balanceOf(accounts, account)
      return entered === moved ? [] : [`${account}: the chain has moved ${moved}, the ledger says ${entered}`]
    },
  )
  return [
    ...unbalanced,
    ...differences,
    ...flying.map((one) => `${one.in_flight} of ${one.payer} are in flight for ever`),
  ]
}

/** An account of the ledger; of a seller, those of all his tenants. */
type Moved = { account: string; moved: bigint }

function balanceOf(accounts: ReadonlyMap<string, bigint>, account: string): bigint {
  const [kind, address] = account.split(':') as [string, string]
  const own = [...accounts].filter(([name]) => name.startsWith(`${kind}:`) && name.endsWith(`:${address}`))
  return own.reduce((sum, [, amount]) => sum + amount, 0n)
}

function payersOf({ records, onChain }: Judged): Moved[] {
  const known = new Set(records.rows.map(({ key }) => key))
  const paid = onChain.transfers.filter(({ paymentKey }) => known.has(paymentKey))
  return [...sumBy(paid, ({ payer }) => payer)].map(([payer, sum]) => ({ account: `payer:${payer}`, moved: -sum }))
}

function sellersOf({ sellers }: Judged): Promise<Moved[]> {
  const read = [...sellers].map(async ([seller, { tokens, tokensNow }]) => ({
    account: `seller:${seller}`,
    moved: (await tokensNow()) - tokens,
  }))
  return Promise.all(read)
}

function walletsOf({ wallets, onChain }: Judged): Moved[] {
  return [...wallets].map(([wallet, before]) => ({
    account: `wallet:${wallet}`,
    moved: (onChain.wallets.get(wallet)?.balance ?? 0n) - before.balance,
  }))
}

/** I6 */
function walletsAreWhole(judged: Judged): string[] {
  const { records, onChain, wallets } = judged
  const wrong = [...wallets].flatMap(([wallet, before]) => {
    const own = records.transactions.filter((transaction) => transaction.wallet === wallet)
    const { latest, pending } = onChain.wallets.get(wallet) as { latest: bigint; pending: bigint }
    const mined = latest - before.nonce
    return [
      ...(latest === pending ? [] : [`${wallet}: ${pending - latest} transactions wait on the chain`]),
      ...(mined === BigInt(own.length)
        ? []
        : [`${wallet}: ${mined} nonces on the chain, ${own.length} in the database`]),
      ...own.flatMap((transaction, index) => wrongNonce(judged, transaction, before.nonce + BigInt(index))),
    ]
  })
  return [...wrong, ...transfersOfRows(records, onChain)]
}

function wrongNonce({ onChain }: Judged, { wallet, nonce, state, mined_hash }: Transaction, wanted: bigint): string[] {
  const mined = onChain.transactions.find((one) => one.sender === wallet && one.nonce === BigInt(nonce))
  return [
    ...(BigInt(nonce) === wanted ? [] : [`${wallet}: nonce ${nonce} stands where ${wanted} should`]),
    ...(state === 'decided' ? [] : [`${wallet}: nonce ${nonce} is ${state}`]),
    ...(mined?.hash === mined_hash ? [] : [`${wallet}: nonce ${nonce} was mined as ${mined?.hash}, not ${mined_hash}`]),
  ]
}

/** Each paid row has exactly the one transfer that the chain has for it. */
function transfersOfRows({ rows, used }: Records, { transfers }: ChainHistory): string[] {
  const made = byKey(transfers)
  const usedBy = new Map(used.map((one) => [one.settlement_id, `${one.transaction_hash}/${one.position}`]))
  const wrong = rows.flatMap(({ id, key, state, transaction_hash, position }) => {
    const wanted = isPaid(state) ? placeOf(made.get(key)) : undefined
    const names = isPaid(state) ? `${transaction_hash}/${position}` : undefined
    const isRight = usedBy.get(id) === wanted && names === wanted
    return isRight ? [] : [`${id} is ${state} by ${names}, uses ${usedBy.get(id)}, and was paid by ${wanted}`]
  })
  return [...wrong, ...repeated([...usedBy.values()]).map((place) => `${place} is used twice`)]
}

/** I7 */
function nothingReverted({ onChain, records, mayRevert = new Set() }: Judged): string[] {
  const members = new Map(records.transactions.map(({ wallet, nonce, members }) => [`${wallet}/${nonce}`, members]))
  return onChain.transactions.flatMap(({ hash, succeeded, sender, nonce }) => {
    const own = members.get(`${sender}/${nonce}`) ?? []
    const isExcused = own.length > 0 && own.every((key) => mayRevert.has(key))
    return succeeded || isExcused ? [] : [`${hash} reverted, with ${own.length} payments`]
  })
}

/** An answer without a hash is a promise, unless the caller asks again. */
function nothingWasSent(calls: readonly SettleCall[], { transfers }: ChainHistory): string[] {
  const last = new Map(calls.map((call) => [call.paymentKey, call]))
  return transfers.flatMap(({ paymentKey, hash }) => {
    const { outcome, reason } = last.get(paymentKey) ?? {}
    return outcome === 'unavailable' ? [`${paymentKey}: ${reason} was answered, and ${hash} transferred it`] : []
  })
}

/** I12: the versions are whole, every change is one that there is, and the last event says what the row says. */
function eventsRebuildRows({ rows, events }: Records): string[] {
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

function factsOf({ calls, records, onChain, bodies }: Judged) {
  const heard = new Set(calls.flatMap(({ outcome, paymentKey }) => (outcome === 'success' ? [paymentKey] : [])))
  const times = answerTimes(calls)
  return {
    payments: bodies.size,
    calls: calls.length,
    outcomes: countBy(calls, ({ outcome, reason }) => (outcome === 'success' ? outcome : `${outcome} ${reason}`)),
    rows: countBy(records.rows, ({ state, released_at }) => (released_at ? `${state}, released` : state)),
    transfers: onChain.transfers.length,
    transactions: onChain.transactions.length,
    reverted: onChain.transactions.filter(({ succeeded }) => !succeeded).length,
    unheardGrants: records.rows.filter(({ granted_at, key }) => granted_at !== null && !heard.has(key)).length,
    slowestMs: Math.max(0, ...times.values()),
  }
}

function byKey(transfers: readonly ChainTransfer[]): Map<string, ChainTransfer> {
  return new Map(transfers.map((transfer) => [transfer.paymentKey, transfer]))
}

function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>()
  return values.filter((value) => seen.size === seen.add(value).size)
}

function sumBy<T extends { amount: string | bigint }>(values: readonly T[], of: (value: T) => string) {
  const sums = new Map<string, bigint>()
  for (const value of values) sums.set(of(value), (sums.get(of(value)) ?? 0n) + BigInt(value.amount))
  return sums
}

function countBy<T>(values: readonly T[], of: (value: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[of(value)] = (counts[of(value)] ?? 0) + 1
  return counts
}
