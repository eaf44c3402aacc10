import { mineBlocks, replay, until } from './settle-chain-chain'
import { balanceOf, type Payer, PRICE, type SignedPayment, setBalances } from './settle-chain-payments'
import { countOf, rowOf, untilStates } from './settle-chain-scenario'
import type { Lane } from './settle-chain-stage'

/** What becomes of a payment whose payer was drained after it was broadcast. */
export const FATES = ['topped up', 'replayed and asked for at once', 'replayed and seen', 'left to die'] as const
export type Fate = (typeof FATES)[number]
export type Case = { fate: Fate; payer: Payer; payment: SignedPayment; id: string }

export type Figures = {
  rich: number
  richSettled: number
  drained: number
  /** Of these: failed for balance, in one batch with the others, with an answer that names the same payment. */
  failedForBalance: number
  told: number
  sharedBatches: number
  batches: number
  toppedUp: number
  paidInTheSameRow: number
  replayed: number
  seen: number
  replayedAndGranted: number
  overcharged: number
  dying: number
  expired: number
  oddAnswers: Record<string, number>
}

const RICH = 10n * PRICE

/** How many were charged otherwise than once. */
async function charged({ chain }: Lane, cases: readonly Case[], times: bigint): Promise<number> {
  const balances = await Promise.all(cases.map(({ payer }) => balanceOf(chain, payer.address)))
  return balances.filter((balance) => balance !== RICH - times * PRICE).length
}

const give = ({ chain }: Lane, cases: readonly Case[]) =>
  setBalances(
    chain,
    cases.map(({ payer }) => payer),
    RICH,
  )

/** They have money again, and their sellers ask again. */
export async function topUp(lane: Lane, cases: readonly Case[], whole: Figures): Promise<void> {
  await give(lane, cases)
  // Twice at once: the second is a repeat and nothing more.
  const answers = await Promise.all(
    cases.map(({ payment }) => Promise.all([lane.client.settle(payment), lane.client.settle(payment)])),
  )
  whole.toppedUp += cases.length
  for (const [index, one] of cases.entries()) {
    const row = await rowOf(lane, one.payment)
    const successes = answers[index]?.filter(({ success }) => success).length
    if (row?.id === one.id && (row.state === 'mined' || row.state === 'final') && successes === 1)
      whole.paidInTheSameRow++
  }
  whole.overcharged += await charged(lane, cases, 1n)
}

/** Mined before anybody of ours can have noticed, and asked for in this moment. */
export async function replayAndAsk(lane: Lane, cases: readonly Case[], whole: Figures): Promise<void> {
  await give(lane, cases)
  await replay(
    lane.chain,
    cases.map(({ payment }) => payment),
  )
  await mineBlocks(lane.chain)
  const answers = await Promise.all(cases.map(({ payment }) => lane.client.settle(payment)))
  whole.replayed += cases.length
  const odd = countOf(answers.filter(({ success }) => !success).map(({ reason, code }) => reason ?? code))
  for (const [reason, count] of Object.entries(odd)) whole.oddAnswers[reason] = (whole.oddAnswers[reason] ?? 0) + count
  whole.replayedAndGranted += answers.filter(({ success }) => success).length
  const rows = await untilStates(
    lane,
    cases.map(({ payment }) => payment),
    ['settled_by_other'],
  )
  whole.seen += rows.filter(({ id }, index) => id === cases[index]?.id).length
  whole.overcharged += await charged(lane, cases, 1n)
}

/** Nobody asks: the row that failed is watched all the same. */
export async function replayAndSee(lane: Lane, cases: readonly Case[], whole: Figures): Promise<void> {
  await give(lane, cases)
  const payments = cases.map(({ payment }) => payment)
  await replay(lane.chain, payments)
  const rows = await untilStates(lane, payments, ['settled_by_other'])
  whole.replayed += cases.length
  whole.seen += rows.filter(({ id }, index) => id === cases[index]?.id).length
  const answers = await Promise.all(payments.map((payment) => lane.client.settle(payment)))
  whole.replayedAndGranted += answers.filter(({ success }) => success).length
  whole.overcharged += await charged(lane, cases, 1n)
}

/** Nobody uses them until their time is over. */
export async function letDie(lane: Lane, cases: readonly Case[], whole: Figures): Promise<void> {
  const payments = cases.map(({ payment }) => payment)
  const rows = await untilStates(lane, payments, ['expired'])
  const finalAt = await until('it is final', async () => {
    const block = await lane.chain.call<{ timestamp: string }>('eth_getBlockByNumber', ['finalized', false])
    return BigInt(block.timestamp)
  })
  const isPast = payments.every(({ transfer }) => transfer.validBefore <= finalAt)
  whole.dying += cases.length
  whole.expired += isPast ? rows.length : 0
  // Money that comes too late is not taken.
  await give(lane, cases)
  const answers = await Promise.all(payments.map((payment) => lane.client.settle(payment)))
  if (answers.some(({ success }) => success)) whole.overcharged++
  whole.overcharged += await charged(lane, cases, 0n)
}

/** Nothing counted yet. */
export function emptyFigures(): Figures {
  return {
    rich: 0,
    richSettled: 0,
    drained: 0,
    failedForBalance: 0,
    told: 0,
    sharedBatches: 0,
    batches: 0,
    toppedUp: 0,
    paidInTheSameRow: 0,
    replayed: 0,
    seen: 0,
    replayedAndGranted: 0,
    overcharged: 0,
    dying: 0,
    expired: 0,
    oddAnswers: {},
  }
}
