import { afterAll, beforeAll } from 'vitest'
import { describeScenarios } from './describe-scenario'
import { REDIS_SCENARIOS } from './redis-faults'
import { openStage, type Stage } from './stage'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

const [killed, ...slow] = REDIS_SCENARIOS
describeScenarios(killed ? [killed] : [], () => stage, { seconds: 3 })
describeScenarios(slow, () => stage, { seconds: 3 })
