import type { SignedPayment } from './settle-chain-payments'
import { untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, WALLET } from './settle-chain-stage'

/** All that was open is mined within this, whatever stood in its way. */
export const RECOVERY_MS = 60_000
export const ADDRESS = WALLET.address

/** Sends payments so that each has a transaction of its own. The answers come later. */
export async function settleApart(lane: Lane, payments: readonly SignedPayment[]) {
  const answers = []
  for (const payment of payments) {
    answers.push(lane.client.settle(payment))
    await untilSent(lane, [payment])
  }
  return answers
}

export type Wave = { settled: number; payments: number; minedMs: number }

/** How long it takes from now until all are mined, and how many of the callers were told so in the end. */
export async function finish(
  lane: Lane,
  payments: readonly SignedPayment[],
  answers: readonly ReturnType<Lane['client']['settle']>[],
  startedAt: number,
): Promise<Wave> {
  await untilStates(lane, payments, ['mined', 'final'], 4 * RECOVERY_MS)
  const minedMs = performance.now() - startedAt
  const first = await Promise.all(answers)
  // Whoever was told that it is pending asks again.
  const last = await Promise.all(
    first.map((answer, index) => (answer.success ? answer : lane.client.settle(payments[index] as SignedPayment))),
  )
  return { settled: last.filter(({ success }) => success).length, payments: payments.length, minedMs }
}
