import { type Bid, mineBlocks, replay, restoreBaseFee, until, withoutMining } from './settle-chain-chain'
import type { SettleAnswer } from './settle-chain-client'
import { fundedPayers, type SignedPayment, signPayment } from './settle-chain-payments'
import {
  type ChainScenario,
  countOf,
  rowOf,
  type Size,
  scenario,
  untilSent,
  untilStates,
} from './settle-chain-scenario'
import { type Lane, whileWorkerPaused } from './settle-chain-stage'

const AT_ONCE = 25
const USED = 'invalid_exact_evm_nonce_already_used'

/** How somebody is faster than we are, and how many payments that happens to. */
const RACES = [
  {
    name: 'his is first in the block of ours',
    run: besideOurs,
    bid: 'more than ours',
    counts: { short: 3, long: 150 },
  },
  { name: 'his is behind ours in the block', run: besideOurs, bid: 'less than ours', counts: { short: 1, long: 50 } },
  {
    name: 'he was first between claim and signing',
    run: beforeSigning,
    bid: 'more than ours',
    counts: { short: 3, long: 150 },
  },
  {
    name: 'he was first between /verify and /settle',
    run: afterVerify,
    bid: 'more than ours',
    counts: { short: 3, long: 150 },
  },
] as const satisfies { name: string; run: Race; bid: Bid; counts: Record<Size, number> }[]

type Race = (lane: Lane, payments: readonly SignedPayment[], bid: Bid) => Promise<SettleAnswer[]>

/** Ours is broadcast and waits for its block, and so does his. */
async function besideOurs(lane: Lane, payments: readonly SignedPayment[], bid: Bid) {
  const open = await withoutMining(lane.chain, async () => {
    const asked = payments.map((payment) => lane.client.settle(payment))
    await untilSent(lane, payments)
    await replay(lane.chain, payments, bid)
    await mineBlocks(lane.chain)
    return asked
  })
  return Promise.all(open)
}

async function beforeSigning(lane: Lane, payments: readonly SignedPayment[], bid: Bid) {
  const open = await whileWorkerPaused(lane, async () => {
    const asked = payments.map((payment) => lane.client.settle(payment))
    await untilStates(lane, payments, ['queued'])
    await replay(lane.chain, payments, bid)
    await mineBlocks(lane.chain)
    return asked
  })
  return Promise.all(open)
}

async function afterVerify(lane: Lane, payments: readonly SignedPayment[], bid: Bid) {
  const verdicts = await Promise.all(payments.map((payment) => lane.client.verify(payment)))
  const refused = verdicts.find(({ isValid }) => !isValid)
  if (refused) throw new Error(`a payment was refused before the race: ${refused.reason}`)
  await until('the verdicts are in the log', async () => (await logged(lane, payments)) === payments.length)
  await replay(lane.chain, payments, bid)
  await mineBlocks(lane.chain)
  return Promise.all(payments.map((payment) => lane.client.settle(payment)))
}

/** What is not written yet, nobody can look up: that takes a quarter of a second, and a block takes longer. */
async function logged({ pool }: Lane, payments: readonly SignedPayment[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM verifications WHERE nonce = ANY($1::text[])',
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  return rows[0]?.count ?? 0
}

const PREEMPTED = scenario({
  name: 'somebody else sends the same authorization, beside ours and before it',
  async run(lane, size) {
    const { chain } = lane
    await restoreBaseFee(chain)
    const figures = { payments: 0, paid: 0, mostTransactions: 0 }
    const [states, denied]: [string[], string[]] = [[], []]
    const raceOnce = async ({ run, bid }: (typeof RACES)[number], count: number) => {
      const payments = (await fundedPayers(chain, count)).map((payer) => signPayment(payer))
      const answers = await run(lane, payments, bid)
      denied.push(...answers.filter(({ success }) => !success).map(({ reason, code }) => `${reason ?? code}`))
      const rows = await Promise.all(payments.map((payment) => rowOf(lane, payment)))
      states.push(...rows.map((row) => row?.state ?? 'no row'))
      figures.payments += payments.length
      figures.paid += rows.filter((row) => PAID.includes(row?.state ?? '')).length
      figures.mostTransactions = Math.max(figures.mostTransactions, await mostTransactions(lane, payments))
    }
    for (const race of RACES) {
      const whole = race.counts[size]
      for (let done = 0; done < whole; done += AT_ONCE) await raceOnce(race, Math.min(AT_ONCE, whole - done))
    }
    return { ...figures, states: countOf(states), denied: countOf(denied) }
  },
  bounds: {
    'all end mined or settled by another': ({ payments, paid }) => payments > 0 && paid === payments,
    'ours pays where it was first, and his where he was': ({ states }) =>
      [states['mined'], states['final'], 0].some((count) => (count ?? 0) > 0) && (states['settled_by_other'] ?? 0) > 0,
    'nobody who has paid is denied': ({ denied }) => Object.keys(denied).length === 0,
    'each was in one transaction of ours at most': ({ mostTransactions }) => mostTransactions <= 1,
  },
})

const PAID = ['mined', 'final', 'settled_by_other']

async function mostTransactions({ pool }: Lane, payments: readonly SignedPayment[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(DISTINCT attempt.transaction_id)::int AS count FROM settlements
      LEFT JOIN attempt_members ON settlement_id = settlements.id LEFT JOIN chain_attempts AS attempt USING (hash)
      WHERE nonce = ANY($1::text[]) GROUP BY settlements.id ORDER BY 1 DESC LIMIT 1`,
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  return rows[0]?.count ?? 0
}

const ELSEWHERE: Record<Size, number> = { short: 10, long: 100 }

const SETTLED_ELSEWHERE = scenario({
  name: 'payments that another facilitator has settled are sent to us',
  async run(lane, size) {
    const { chain, client } = lane
    const reasons: string[] = []
    for (let done = 0; done < ELSEWHERE[size]; done += AT_ONCE) {
      const payers = await fundedPayers(chain, Math.min(AT_ONCE, ELSEWHERE[size] - done))
      const payments = payers.map((payer) => signPayment(payer))
      await replay(chain, payments)
      await mineBlocks(chain)
      // Also with a /verify before, which sees it used.
      await Promise.all(payments.map((payment, index) => (index % 2 ? client.verify(payment) : null)))
      const answers = await Promise.all(payments.map((payment) => client.settle(payment)))
      reasons.push(...answers.map(({ success, reason, code }) => (success ? 'granted' : `${reason ?? code}`)))
    }
    return { payments: reasons.length, reasons: countOf(reasons) }
  },
  bounds: {
    'none is granted, and each is told why': ({ payments, reasons }) => payments > 0 && reasons[USED] === payments,
  },
})

export const OTHERS_SCENARIOS: readonly ChainScenario[] = [PREEMPTED, SETTLED_ELSEWHERE]
