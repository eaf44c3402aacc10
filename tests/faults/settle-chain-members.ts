import { mineBlocks, restoreBaseFee, withoutMining } from './settle-chain-chain'
import type { SettleAnswer } from './settle-chain-client'
import {
  type Case,
  emptyFigures,
  FATES,
  type Fate,
  type Figures,
  letDie,
  replayAndAsk,
  replayAndSee,
  topUp,
} from './settle-chain-fates'
import { fundedPayers, PRICE, type SignedPayment, setBalances, signPayment } from './settle-chain-payments'
import { type ChainScenario, rowOf, type Size, scenario, untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, whileWorkerPaused } from './settle-chain-stage'

const COUNTS: Record<Size, number> = { short: 5, long: 100 }
const AT_ONCE = 20
/** Long enough to be signed, and short enough to be waited for. */
const DYING_SECONDS = 15
const INSUFFICIENT = 'invalid_exact_evm_insufficient_balance'

const DRAINED = scenario({
  name: 'payers are drained between broadcast and block',
  async run(lane, size) {
    const whole = emptyFigures()
    await restoreBaseFee(lane.chain)
    for (let done = 0; done < COUNTS[size]; done += AT_ONCE) {
      await playBatch(lane, Math.min(AT_ONCE, COUNTS[size] - done), whole)
    }
    return whole
  },
  bounds: {
    'the others of the batch are settled': ({ rich, richSettled }) => rich > 0 && richSettled === rich,
    'they failed for balance, in the batch in which others succeeded': (figures) =>
      figures.failedForBalance === figures.drained && figures.sharedBatches === figures.batches,
    'each is told that the same payment can be sent again, and until when': ({ told, drained }) => told === drained,
    'with money again the same body is paid, once and in the same row': ({ toppedUp, paidInTheSameRow }) =>
      toppedUp > 0 && paidInTheSameRow === toppedUp,
    'calldata that a stranger replays is seen without being asked': ({ replayed, seen }) =>
      replayed > 0 && seen === replayed,
    'whose calldata was replayed is granted what he paid': ({ replayed, replayedAndGranted, oddAnswers }) =>
      replayedAndGranted === replayed && Object.keys(oddAnswers).length === 0,
    'nobody is charged twice': ({ overcharged }) => overcharged === 0,
    'what is never used expires after finality': ({ dying, expired }) => dying > 0 && expired === dying,
  },
})

async function playBatch(lane: Lane, count: number, whole: Figures): Promise<void> {
  const { chain, client } = lane
  const rich = (await fundedPayers(chain, count)).map((payer) => signPayment(payer))
  const cases: Case[] = []
  for (const fate of FATES) {
    const validSeconds = fate === 'left to die' ? DYING_SECONDS : 3_600
    const payers = await fundedPayers(chain, count, PRICE)
    cases.push(...payers.map((payer) => ({ fate, payer, payment: signPayment(payer, { validSeconds }), id: '' })))
  }
  const payments = [...rich, ...cases.map(({ payment }) => payment)]
  const open = await withoutMining(chain, async () => {
    const asked = await whileWorkerPaused(lane, async () => {
      const answers = payments.map((payment) => client.settle(payment))
      await untilStates(lane, payments, ['queued'])
      return answers
    })
    await untilSent(lane, payments)
    await setBalances(
      chain,
      cases.map(({ payer }) => payer),
      0n,
    )
    await mineBlocks(chain)
    return asked
  })
  const answers = await Promise.all(open)
  const failed = answers.slice(rich.length)
  whole.rich += rich.length
  whole.richSettled += answers.slice(0, rich.length).filter(({ success }) => success).length
  whole.drained += cases.length
  whole.failedForBalance += failed.filter(({ reason }) => reason === INSUFFICIENT).length
  whole.told += failed.filter((answer, index) => isTold(answer, (cases[index] as Case).payment)).length
  await countBatches(lane, rich, cases, whole)
  for (const one of cases) one.id = (await rowOf(lane, one.payment))?.id ?? ''
  const of = (fate: Fate) => cases.filter((one) => one.fate === fate)
  await topUp(lane, of('topped up'), whole)
  await replayAndAsk(lane, of('replayed and asked for at once'), whole)
  await replayAndSee(lane, of('replayed and seen'), whole)
  await letDie(lane, of('left to die'), whole)
}

function isTold({ extra }: SettleAnswer, { transfer }: SignedPayment): boolean {
  const expiresAt = new Date(Number(transfer.validBefore) * 1_000).toISOString()
  return (
    extra['paymentState'] === 'unused' &&
    extra['retryAction'] === 'retry_same_payment' &&
    extra['authorizationExpiresAt'] === expiresAt
  )
}

/** Whether those that failed shared their transactions with some that succeeded. */
async function countBatches({ pool }: Lane, rich: readonly SignedPayment[], cases: readonly Case[], whole: Figures) {
  const { rows } = await pool.query<{ is_shared: boolean }>(
    `SELECT bool_or(nonce = ANY($1::text[])) AS is_shared FROM attempt_members
      JOIN settlements ON settlements.id = settlement_id WHERE nonce = ANY($1::text[] || $2::text[]) GROUP BY hash
      HAVING bool_or(nonce = ANY($2::text[]))`,
    [rich.map(({ transfer }) => transfer.nonce), cases.map(({ payment }) => payment.transfer.nonce)],
  )
  whole.batches += rows.length
  whole.sharedBatches += rows.filter(({ is_shared }) => is_shared).length
}

const CROWD = 450

/** More rows are watched than are looked at in one round, and all of them are older. */
const CROWDED = scenario({
  name: 'hundreds of failed payments are watched, and the youngest is replayed',
  async run(lane) {
    const figures = emptyFigures()
    const [older] = await drainedPayments(lane, 1)
    await lane.pool.query(MAKE_CROWD, [older?.id, CROWD])
    const cases = await drainedPayments(lane, 1)
    await replayAndSee(lane, cases, figures)
    const { rowCount } = await lane.pool.query(DISPERSE_CROWD)
    return { crowd: rowCount, replayed: figures.replayed, seen: figures.seen, granted: figures.replayedAndGranted }
  },
  bounds: {
    'the crowd was there all the time': ({ crowd }) => crowd === CROWD,
    'the replay is seen, and granted to who asks': ({ replayed, seen, granted }) =>
      replayed > 0 && seen === replayed && granted === replayed,
  },
})

/** Payments alone in a transaction whose payers were drained before the block. */
async function drainedPayments(lane: Lane, count: number): Promise<Case[]> {
  const { chain, client } = lane
  const payers = await fundedPayers(chain, count, PRICE)
  const cases = payers.map((payer) => ({ fate: 'replayed and seen' as const, payer, payment: signPayment(payer) }))
  const payments = cases.map(({ payment }) => payment)
  const open = await withoutMining(chain, async () => {
    const asked = payments.map((payment) => client.settle(payment))
    await untilSent(lane, payments)
    await setBalances(chain, payers, 0n)
    await mineBlocks(chain)
    return asked
  })
  await Promise.all(open)
  const rows = await untilStates(lane, payments, ['failed'])
  return cases.map((one, index) => ({ ...one, id: rows[index]?.id ?? '' }))
}

/** The same row again and again, each with a nonce that nobody ever uses. */
const MAKE_CROWD = `INSERT INTO settlements
  SELECT (jsonb_populate_record(model, jsonb_build_object('id', 'set_crowd' || place, 'payment_key', 'crowd/' || place,
    'nonce', '0x' || lpad(to_hex(place), 64, '0'), 'transaction_id', NULL, 'transaction_hash', NULL))).*
  FROM settlements AS model, generate_series(1, $2::int) AS place WHERE model.id = $1`
const DISPERSE_CROWD = `DELETE FROM settlements WHERE id LIKE 'set_crowd%' AND state = 'failed'`

export const MEMBER_SCENARIOS: readonly ChainScenario[] = [DRAINED, CROWDED]
