import { lowerHex } from '@/lib/core/hex'
import { mineBlocks, receiptsOf, replay, restoreBaseFee, withoutMining } from './settle-chain-chain'
import type { SettleAnswer } from './settle-chain-client'
import { fundedPayers, PRICE, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, countOf, type Size, scenario, untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, WALLET, whileWorkerPaused } from './settle-chain-stage'

const AT_ONCE = 25
const USED = 'invalid_exact_evm_nonce_already_used'

const INSUFFICIENT = 'invalid_exact_evm_insufficient_balance'

const PAIRS: Record<Size, number> = { short: 5, long: 100 }

type Pair = { first: SettleAnswer; second: SettleAnswer }

async function settlePair(lane: Lane, [first, second]: readonly [SignedPayment, SignedPayment]): Promise<Pair> {
  const answers = await Promise.all([lane.client.settle(first), lane.client.settle(second)])
  return { first: answers[0], second: answers[1] }
}

/** Many pairs at once, and before they are signed something that a stranger sends for all of them. */
async function settlePairs(
  lane: Lane,
  pairs: readonly (readonly [SignedPayment, SignedPayment])[],
  meanwhile: (() => Promise<unknown>) | null,
): Promise<Pair[]> {
  if (!meanwhile) return Promise.all(pairs.map((pair) => settlePair(lane, pair)))
  const open = await whileWorkerPaused(lane, async () => {
    const asked = pairs.map((pair) => settlePair(lane, pair))
    await untilStates(lane, pairs.flat(), ['queued'])
    await meanwhile()
    await mineBlocks(lane.chain)
    return asked
  })
  return Promise.all(open)
}

/** Of `count` in steps: half of them left to us, and half preceded by somebody else. */
async function inSteps(count: number, run: (count: number, isPreempted: boolean) => Promise<void>): Promise<void> {
  for (let [done, isPreempted] = [0, false]; done < count; isPreempted = !isPreempted) {
    const step = Math.min(Math.ceil(count / 2), AT_ONCE, count - done)
    await run(step, isPreempted)
    done += step
  }
}

const TWINS = scenario({
  name: 'twins: one payer, two payments of one value, and money for one',
  async run(lane, size) {
    const { chain } = lane
    await restoreBaseFee(chain)
    const figures = { pairs: 0, oneEach: 0, revertedBefore: await reverted(lane), reverted: 0 }
    const refusals: string[] = []
    await inSteps(PAIRS[size], async (count, isPreempted) => {
      const payers = await fundedPayers(chain, count, PRICE)
      const pairs = payers.map((payer) => [signPayment(payer), signPayment(payer)] as const)
      const told = await settlePairs(lane, pairs, isPreempted ? () => replay(chain, pairs.flat()) : null)
      figures.pairs += count
      figures.oneEach += told.filter(({ first, second }) => first.success !== second.success).length
      for (const { first, second } of told) refusals.push((first.success ? second.reason : first.reason) ?? 'none')
    })
    return { ...figures, reverted: await reverted(lane), refusals: countOf(refusals) }
  },
  bounds: {
    'one of each pair is granted': ({ pairs, oneEach }) => pairs > 0 && oneEach === pairs,
    'the other is refused for the balance': ({ pairs, refusals }) => refusals[INSUFFICIENT] === pairs,
    'nothing of ours reverts for it': ({ revertedBefore, reverted: after }) => after === revertedBefore,
  },
})

async function reverted({ chain }: Lane): Promise<number> {
  return (await receiptsOf(chain, WALLET.address)).filter(({ status }) => status !== '0x1').length
}

const DECOYS = scenario({
  name: 'decoys: a payer uses the nonce of one payment for nothing, beside a true one of the same value',
  async run(lane, size) {
    const { chain } = lane
    await restoreBaseFee(chain)
    const figures = { pairs: 0, trueGranted: 0, decoysGranted: 0, sent: 0, ended: 0 }
    const refusals: string[] = []
    await inSteps(PAIRS[size], async (count, isBeside) => {
      const payers = await fundedPayers(chain, count)
      const pairs = payers.map((payer) => [signPayment(payer), signPayment(payer)] as const)
      // Three logs each: the nonce of the first is used, nothing moves, and then the true transfer of the second.
      const decoys = pairs.flatMap(([first, second], index) => {
        const payer = payers[index] as (typeof payers)[number]
        const { nonce } = first.transfer
        return [signPayment(payer, { nonce, amount: 0n, payTo: lowerHex(payer.address) }), second]
      })
      const told = isBeside
        ? await decoysBeside(lane, pairs, decoys)
        : await settlePairs(lane, pairs, () => replay(chain, decoys))
      figures.pairs += count
      figures.trueGranted += told.filter(({ second }) => second.success).length
      figures.decoysGranted += told.filter(({ first }) => first.success).length
      refusals.push(...told.map(({ first }) => first.reason ?? 'none'))
      if (!isBeside) return
      const firsts = pairs.map(([first]) => first)
      figures.sent += count
      figures.ended += (await untilStates(lane, firsts, ['expired'])).length
    })
    return { ...figures, refusals: countOf(refusals) }
  },
  bounds: {
    'the true one is granted': ({ pairs, trueGranted }) => pairs > 0 && trueGranted === pairs,
    'the one whose nonce was used for nothing is not': ({ decoysGranted }) => decoysGranted === 0,
    'it is told that its nonce is used': ({ pairs, refusals }) => refusals[USED] === pairs,
    'one that was sent in vain is over when that is final, long before its validity ends': ({ sent, ended }) =>
      sent > 0 && ended === sent,
  },
})

/** The decoys are first in the block in which ours stands. */
async function decoysBeside(
  lane: Lane,
  pairs: readonly (readonly [SignedPayment, SignedPayment])[],
  decoys: readonly SignedPayment[],
): Promise<Pair[]> {
  const open = await withoutMining(lane.chain, async () => {
    const asked = pairs.map((pair) => settlePair(lane, pair))
    await untilSent(lane, pairs.flat())
    await replay(lane.chain, decoys)
    await mineBlocks(lane.chain)
    return asked
  })
  return Promise.all(open)
}

export const PAIR_SCENARIOS: readonly ChainScenario[] = [TWINS, DECOYS]
