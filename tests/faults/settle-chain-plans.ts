import { CODE_SCENARIOS } from './settle-chain-code'
import { FEE_SCENARIOS } from './settle-chain-fees'
import { GAS_MONEY_SCENARIOS } from './settle-chain-gas-money'
import { MEMBER_SCENARIOS } from './settle-chain-members'
import { NONCE_SCENARIOS } from './settle-chain-nonces'
import { OTHERS_SCENARIOS } from './settle-chain-others'
import { PAIR_SCENARIOS } from './settle-chain-pairs'
import { REOPENED_SCENARIOS } from './settle-chain-reopened'
import { REORG_SCENARIOS } from './settle-chain-reorgs'
import { REWIND, runRewind } from './settle-chain-rewind'
import { type LanePlan, type Played, playAlone, playLane, type Size } from './settle-chain-scenario'
import type { SettleStage } from './settle-chain-stage'
import { WALLET_SCENARIOS } from './settle-chain-wallets'

/** A million gas at the local price. */
const SMALL_BUDGET = { X402_GAS_BUDGET_PAYER_WEI: '1000000000000000' }
const SHORT_PATIENCE = { X402_SETTLE_WAIT_MS: '2000' }

/** Lanes that know nothing of each other, the longest first. */
const PLANS: readonly LanePlan[] = [
  { options: { wallets: 3, otherWeb: SHORT_PATIENCE }, scenarios: WALLET_SCENARIOS },
  { options: {}, scenarios: [...NONCE_SCENARIOS, ...FEE_SCENARIOS, ...GAS_MONEY_SCENARIOS] },
  {
    options: { otherWeb: SMALL_BUDGET },
    scenarios: [...CODE_SCENARIOS, ...MEMBER_SCENARIOS, ...OTHERS_SCENARIOS, ...PAIR_SCENARIOS],
  },
  { options: { slotsInAnEpoch: 8 }, scenarios: [...REORG_SCENARIOS, ...REOPENED_SCENARIOS] },
]

/** The names of all scenarios, with the bounds of each. */
export const SCENARIOS = [...PLANS.flatMap(({ scenarios }) => scenarios), REWIND]

/** Plays everything, so many lanes side by side. */
export async function playChainFaults(
  stage: SettleStage,
  size: Size,
  { lanes, onPlayed }: { lanes: number; onPlayed(played: Played): void },
): Promise<void> {
  const waiting = [
    ...PLANS.map((plan) => () => playLane(stage, plan, size, onPlayed)),
    () => playAlone(REWIND, () => runRewind(stage, size), onPlayed),
  ]
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await next()
  }
  await Promise.all(Array.from({ length: lanes }, work))
}
