import { type Hex, toEventSelector } from 'viem'
import { isPaid, type SettlementState, TRANSITIONS, type TransitionName } from '@/lib/core/settlement-states'
import { until } from './settle-chain-chain'
import type { Lane } from './settle-chain-stage'
import { type Log, type Use, usesOf } from './settle-chain-uses'

const TRANSFER = toEventSelector('Transfer(address,address,uint256)')

type Row = {
  id: string
  state: SettlementState
  payer: Hex
  pay_to: Hex
  amount: string
  nonce: Hex
  transaction_hash: string | null
  position: number | null
  block_hash: string | null
  released_at: Date | null
  is_ready: boolean
}

/** Nothing waits, nothing is open, and the worker has nothing to finish. */
export function isQuiet({ pool }: Pick<Lane, 'pool'>): Promise<boolean> {
  return pool.query<{ open: boolean }>(OPEN).then(({ rows }) => rows[0]?.open === false)
}

export function untilQuiet(lane: Pick<Lane, 'pool'>, withinMs = 60_000): Promise<true> {
  return until('nothing is open', async () => ((await isQuiet(lane)) ? true : null), withinMs)
}

/**
 * Judges a whole chain and a whole database against each other, and every answer that was ever given against both:
 * whatever is wrong, in words.
 */
export async function judgeLane(lane: Lane): Promise<string[]> {
  const [{ rows }, uses] = await Promise.all([lane.pool.query<Row>(ROWS), usesOf(lane.chain)])
  return [
    ...judgeRows(rows, uses),
    ...judgeAnswers(lane, rows),
    ...(await told(lane, 'left open', LEFT_OPEN)),
    ...(await told(lane, 'the ledger does not add up', UNBALANCED)),
    ...(await told(lane, 'the ledger does not say what the row says', WRONG_BOOKS)),
    ...(await told(lane, 'the used transfers do not say what the row says', WRONG_TRANSFERS)),
    ...(await told(lane, 'two rows for one payment key', TWICE)),
    ...(await judgeEvents(lane)),
    ...(await judgeNonces(lane)),
  ]
}

/** The sums of the ledger that are not zero: by network and asset. */
export async function unbalanced({ pool }: Pick<Lane, 'pool'>): Promise<number> {
  return (await pool.query(SUMS)).rowCount ?? 0
}

function judgeRows(rows: readonly Row[], uses: ReadonlyMap<string, Use[]>): string[] {
  return rows.flatMap((row) => {
    const found = uses.get(`${row.payer.slice(2)}/${row.nonce}`) ?? []
    const wrong = wrongIn(
      row,
      found.filter(({ next }) => pays(next, row)),
    )
    return wrong ? [`${row.id} (${row.state}): ${wrong}`] : []
  })
}

function wrongIn(row: Row, paying: readonly Use[]): string | null {
  // One that was refused at its first look may have been settled for another facilitator.
  if (!isPaid(row.state)) return paying.length > 0 && row.released_at === null ? 'the chain has paid it' : null
  const [use] = paying
  if (!use || paying.length !== 1) return `${paying.length} transfers on the chain`
  const { transaction, position, blockHash } = use
  const isSame = row.transaction_hash === transaction && row.position === position && row.block_hash === blockHash
  return isSame ? null : 'it names another transfer than the one that paid'
}

function pays(log: Log | undefined, { payer, pay_to, amount }: Row): boolean {
  if (!log || log.topics[0] !== TRANSFER) return false
  const [, from, to] = log.topics
  return `0x${from?.slice(26)}` === payer && `0x${to?.slice(26)}` === pay_to && BigInt(log.data) === BigInt(amount)
}

/** One success for a payment, ever, and only for one that is paid. */
function judgeAnswers({ client: { history } }: Lane, rows: readonly Row[]): string[] {
  const successes = new Map<string, number>()
  for (const { nonce, answer } of history) {
    if (answer.success) successes.set(nonce, (successes.get(nonce) ?? 0) + 1)
  }
  const paid = new Set(rows.filter(({ state }) => isPaid(state)).map(({ nonce }) => nonce))
  return [...successes].flatMap(([nonce, count]) => [
    ...(count > 1 ? [`payment ${nonce} was granted ${count} times`] : []),
    ...(paid.has(nonce as Hex) ? [] : [`payment ${nonce} was granted and is not paid`]),
  ])
}

async function told({ pool }: Lane, what: string, text: string): Promise<string[]> {
  const { rows } = await pool.query(text)
  return rows.map((row) => `${what}: ${JSON.stringify(row)}`)
}

/** The history of a row: without a gap, by transitions that there are, and ending where the row stands. */
async function judgeEvents({ pool }: Lane): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; state: string; version: number; events: Event[] }>(EVENTS)
  return rows.flatMap(({ id, state, version, events }) => {
    const broken = events.find(({ version: at, transition, state: to }, index) => {
      const { from, to: wanted } = TRANSITIONS[transition] ?? { from: [], to: null }
      const before = events[index - 1]?.state
      const isAllowed = before === undefined ? index === 0 : (from as readonly string[]).includes(before)
      return at !== index || to !== wanted || !isAllowed
    })
    if (broken) return [`${id}: its history breaks at ${JSON.stringify(broken)}: ${events.map(nameOf).join(' ')}`]
    const last = events.at(-1)
    return last?.state === state && last.version === version ? [] : [`${id}: its history does not end at ${state}`]
  })
}

type Event = { version: number; transition: TransitionName; state: SettlementState }
const nameOf = ({ transition }: Event) => transition

/** Every nonce that was given out is mined: no gap, and nothing beyond. */
async function judgeNonces({ pool, chain }: Lane): Promise<string[]> {
  const { rows } = await pool.query<{ address: Hex; next_nonce: string }>('SELECT address, next_nonce FROM wallets')
  const problems = rows.map(async ({ address, next_nonce }) => {
    const [latest, pending] = await Promise.all(
      ['latest', 'pending'].map((tag) => chain.call<Hex>('eth_getTransactionCount', [address, tag])),
    )
    const isSame = Number(latest) === Number(next_nonce) && latest === pending
    return isSame ? [] : [`wallet ${address}: nonce ${next_nonce} is next, mined ${latest}, pending ${pending}`]
  })
  return (await Promise.all(problems)).flat()
}

const ROWS = `SELECT id, state, payer, pay_to, amount::text, nonce, transaction_hash, position, block_hash, released_at,
  is_ready FROM settlements WHERE NOT is_magic`

const UNFINISHED = `state IN ('queued', 'broadcast', 'reorged') OR is_ready`
const OPEN = `SELECT EXISTS (SELECT 1 FROM settlements WHERE ${UNFINISHED})
  OR EXISTS (SELECT 1 FROM chain_transactions WHERE state = 'open') AS open`
const LEFT_OPEN = `SELECT 'row' AS what, id, state AS more FROM settlements WHERE ${UNFINISHED}
  UNION ALL SELECT 'transaction', id, nonce::text FROM chain_transactions WHERE state = 'open'
  UNION ALL SELECT 'in flight', payer, in_flight::text FROM payer_flights WHERE in_flight <> 0`

const SUMS = 'SELECT network, asset, sum(amount) FROM ledger_entries GROUP BY network, asset HAVING sum(amount) <> 0'
const UNBALANCED = `SELECT transaction_hash, position, block_hash, kind, turn, sum(amount)::text AS sum FROM ledger_entries
  GROUP BY network, asset, transaction_hash, position, block_hash, kind, turn HAVING sum(amount) <> 0`

/** What the seller was booked for a row, reversals taken away; and what a wallet was booked for gas. */
const WRONG_BOOKS = `
  SELECT settlements.id, state, COALESCE(booked.amount, 0)::text AS booked FROM settlements
  LEFT JOIN (SELECT settlement_id, sum(amount) AS amount FROM ledger_entries WHERE account LIKE 'seller:%'
    GROUP BY settlement_id) AS booked ON booked.settlement_id = settlements.id
  WHERE NOT is_magic AND COALESCE(booked.amount, 0) <>
    CASE WHEN state IN ('mined', 'final', 'settled_by_other') THEN settlements.amount ELSE 0 END
  UNION ALL SELECT COALESCE(tx.id, booked.hash), tx.fee_wei::text, booked.amount::text
  FROM (SELECT transaction_hash AS hash, -sum(amount) AS amount FROM ledger_entries WHERE account LIKE 'wallet:%'
    GROUP BY transaction_hash HAVING sum(amount) <> 0) AS booked
  FULL JOIN chain_transactions AS tx ON tx.mined_hash = booked.hash
  WHERE tx.fee_wei IS DISTINCT FROM booked.amount
    -- A nonce that somebody else took cost us nothing.
    AND (tx.id IS NULL OR tx.mined_hash IS NOT NULL OR tx.fee_wei <> 0)`

const WRONG_TRANSFERS = `SELECT settlements.id, state, used.transaction_hash FROM settlements
  LEFT JOIN used_transfers AS used ON used.settlement_id = settlements.id
  WHERE NOT is_magic AND (state IN ('mined', 'final', 'settled_by_other')) <>
    (used.transaction_hash IS NOT NULL AND used.transaction_hash = settlements.transaction_hash
      AND used.position = settlements.position)`

const TWICE = `SELECT payer, nonce, count(*) FROM settlements WHERE released_at IS NULL AND NOT is_magic
  GROUP BY payer, nonce HAVING count(*) > 1`

const EVENTS = `SELECT settlements.id, settlements.state, settlements.version, json_agg(json_build_object('version', events.version,
    'transition', events.transition, 'state', events.state) ORDER BY events.version) AS events
  FROM settlements JOIN LATERAL (SELECT version, transition, state FROM settlement_events
    WHERE settlement_id = settlements.id) AS events ON true
  WHERE NOT is_magic GROUP BY settlements.id`
