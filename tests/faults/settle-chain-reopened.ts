import { mineBlocks, replay, restoreBaseFee, withoutMining } from './settle-chain-chain'
import { mineUntil } from './settle-chain-histories'
import { fundedPayers, type Payer, PRICE, type SignedPayment, setBalances, signPayment } from './settle-chain-payments'
import { type ChainScenario, rowOf, type Size, scenario, untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, whileWorkerPaused } from './settle-chain-stage'

const ROUNDS: Record<Size, number> = { short: 2, long: 20 }
const OURS = ['mined', 'final']

/**
 * A transaction in which members failed is taken out of the chain, and their payers have money in the new one: one is
 * left alone, one is replayed by a stranger, and one is asked for again in this moment.
 */
const REOPENED = scenario({
  name: 'a reorg gives members that had failed a second chance in their own transaction',
  async run(lane, size) {
    const figures = { rounds: 0, paidByOurs: 0, paidByOther: 0, askedAgainPaid: 0, granted: 0 }
    await restoreBaseFee(lane.chain)
    for (let round = 0; round < ROUNDS[size]; round++) {
      const [alone, replayed, again] = await withoutMining(lane.chain, () => playRound(lane))
      figures.rounds++
      if (OURS.includes((await rowOf(lane, alone))?.state ?? '')) figures.paidByOurs++
      if ((await rowOf(lane, replayed))?.state === 'settled_by_other') figures.paidByOther++
      if (OURS.includes((await rowOf(lane, again))?.state ?? '')) figures.askedAgainPaid++
      const answers = await Promise.all([lane.client.settle(alone), lane.client.settle(replayed)])
      figures.granted += answers.filter(({ success }) => success).length
    }
    return figures
  },
  bounds: {
    'who was left alone is paid by the transaction he was in': ({ rounds, paidByOurs }) =>
      rounds > 0 && paidByOurs === rounds,
    'whose calldata was replayed is paid by the stranger': ({ rounds, paidByOther }) => paidByOther === rounds,
    'who asked again is paid': ({ rounds, askedAgainPaid }) => askedAgainPaid === rounds,
    'and both of the others are granted when they ask': ({ rounds, granted }) => granted === 2 * rounds,
  },
})

type Three = [SignedPayment, SignedPayment, SignedPayment]

async function playRound(lane: Lane): Promise<Three> {
  const { chain, client } = lane
  const [rich] = (await fundedPayers(chain, 1)) as [Payer]
  const poor = await fundedPayers(chain, 3, PRICE)
  const payments = [rich, ...poor].map((payer) => signPayment(payer))
  const three = payments.slice(1) as Three
  await mineBlocks(chain)
  const open = await whileWorkerPaused(lane, async () => {
    const asked = payments.map((payment) => client.settle(payment))
    await untilStates(lane, payments, ['queued'])
    return asked
  })
  await untilSent(lane, payments)
  await setBalances(chain, poor, 0n)
  await mineBlocks(chain)
  await untilStates(lane, three, ['failed'])
  await Promise.all(open)
  await chain.call('anvil_reorg', [1, []])
  // What took their money was in the block that is gone.
  await setBalances(chain, poor, PRICE)
  const [, replayed, again] = three
  await replay(chain, [replayed])
  await mineBlocks(chain)
  const asked = client.settle(again)
  await mineUntil(lane, payments)
  await asked
  return three
}

export const REOPENED_SCENARIOS: readonly ChainScenario[] = [REOPENED]
