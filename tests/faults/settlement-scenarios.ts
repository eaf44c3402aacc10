import type { HistoryFigures } from '@/tests/support/settlement-history/history'
import type { DatabaseStage, Scenario } from './scenario'
import { databaseScenario } from './settlement-database'
import { killScenario } from './settlement-kills'
import { lostSendScenario } from './settlement-lost-sends'
import { standstillScenario, twoWorkersScenario } from './settlement-pauses'
import { transitionScenario } from './settlement-transitions'
import type { CrashPoint } from './transition-recipes'

/** Lanes that take about as long as each other; a test sees that no transition is left out. */
export const CRASH_LANES: readonly (readonly CrashPoint[])[] = [
  ['claim', 'release', 'sign', 'retry', 'grant'],
  ['refuse', 'fail', 'mine', 'preempt', 'send'],
  ['expire', 'finalize', 'reorg', 'resume'],
]

type AnyScenario = Scenario<HistoryFigures, DatabaseStage>

/** Lets scenarios of different figures stand in one list; their own bounds know what else they measure. */
function one<Figures extends HistoryFigures>(scenario: Scenario<Figures, DatabaseStage>): AnyScenario {
  return scenario as unknown as AnyScenario
}

/** What fits beside each other on two cores. */
export const SHORT_SETTLEMENT_SCENARIOS: readonly (readonly AnyScenario[])[] = [
  [
    ...CRASH_LANES.map((points) => one(transitionScenario(points, 1))),
    one(twoWorkersScenario({ seconds: 24, times: 1 })),
  ],
  [
    one(killScenario({ payments: 100, kills: 3, inFlight: 20, pauseMs: [300, 2_000] })),
    one(lostSendScenario(20)),
    one(standstillScenario({ seconds: 8, waitMs: 3_000 })),
    one(databaseScenario(1)),
  ],
]

export const LONG_SETTLEMENT_SCENARIOS: readonly (readonly AnyScenario[])[] = [
  CRASH_LANES.map((points) => one(transitionScenario(points, 20))),
  [
    one(killScenario({ payments: 1_000, kills: 25, inFlight: 20, pauseMs: [300, 8_000] })),
    one(lostSendScenario(200)),
    one(databaseScenario(5)),
  ],
  [one(twoWorkersScenario({ seconds: 60, times: 2 })), one(standstillScenario({ seconds: 60, waitMs: 25_000 }))],
]
