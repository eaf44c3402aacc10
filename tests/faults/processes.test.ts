import { afterAll, beforeAll } from 'vitest'
import { describeScenarios } from './describe-scenario'
import { POISON_SCENARIO } from './poison-faults'
import { openStage, type Stage } from './stage'
import { STOP_SCENARIOS } from './stop-faults'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

describeScenarios([POISON_SCENARIO], () => stage, { seconds: 1 })
describeScenarios(STOP_SCENARIOS, () => stage, { seconds: 2 })
