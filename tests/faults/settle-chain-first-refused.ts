import { setTimeout as sleep } from 'node:timers/promises'
import { fundedPayers, type Payer, type SignedPayment, signPayment } from './settle-chain-payments'
import type { Lane } from './settle-chain-stage'

export const PROBE_MS = 3_000
const MOST_PROBES = 20

/** Web knows the report within a second: until then it takes payments, which wait like those before. */
export async function firstRefused(lane: Lane, early: Map<SignedPayment, ReturnType<Lane['client']['settle']>>) {
  for (;;) {
    const [payer] = await fundedPayers(lane.chain, 1)
    const payment = signPayment(payer as Payer)
    const asked = lane.client.settle(payment)
    const answer = await Promise.race([asked, sleep(PROBE_MS, null)])
    if (answer?.status === 503) return { refused: payment, refusal: answer }
    early.set(payment, asked)
    if (early.size > MOST_PROBES) throw new Error('no claim is refused')
  }
}
