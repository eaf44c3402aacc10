import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { playChainFaults, SCENARIOS } from './settle-chain-plans'
import { boundsOf, type Played } from './settle-chain-scenario'
import { openSettleStage, type SettleStage } from './settle-chain-stage'

const LANES = 3
const PATIENCE_MS = 400_000

const played = new Map<string, Played>()
let stage: SettleStage

beforeAll(async () => {
  stage = await openSettleStage()
  await playChainFaults(stage, 'short', { lanes: LANES, onPlayed: (one) => void played.set(one.name, one) })
}, PATIENCE_MS)
afterAll(() => stage.stop())

describe.each(SCENARIOS)('$name', (scenario) => {
  it.each(Object.keys(boundsOf(scenario as never)))('%s', (words) => {
    const { bounds, figures } = played.get(scenario.name) as Played
    expect(bounds[words]?.(figures), JSON.stringify(figures)).toBe(true)
  })
})
