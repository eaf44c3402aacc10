import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeScenarios } from './describe-scenario'
import { POSTGRES_SCENARIOS } from './postgres-faults'
import { ENDPOINTS, healthBounds, type RpcFigures, rpcBounds } from './rpc-bounds'
import { faultsOf, openRpcLanes, type RpcLanes, runRpcFaults } from './rpc-faults'
import { brokenBounds } from './scenario'
import { openStage, type Stage } from './stage'

const LANES = 6
const RPC_RUN = { seconds: 2.5 }
const POSTGRES_RUN = { seconds: 10 }

// Nearly all the time here is waiting, for time-outs and rests to end, and no figure is so fine that it would suffer:
// so the outages of nodes and of Postgres run side by side.
let stage: Stage
let lanes: RpcLanes | undefined
let rpc: readonly RpcFigures[]
const postgres = new Map<string, Promise<unknown>>()
beforeAll(async () => {
  stage = await openStage()
  lanes = await openRpcLanes(stage, LANES)
  for (const { name, run } of POSTGRES_SCENARIOS) postgres.set(name, run(stage, POSTGRES_RUN))
  rpc = await runRpcFaults(stage, lanes, RPC_RUN)
  await Promise.allSettled(postgres.values())
}, 300_000)
afterAll(async () => {
  await lanes?.close()
  await stage.stop()
})

const underWay = POSTGRES_SCENARIOS.map((scenario) => {
  type Figures = ReturnType<typeof scenario.run>
  return { ...scenario, run: () => postgres.get(scenario.name) as Figures }
})
describeScenarios(underWay, () => stage, POSTGRES_RUN)

describe.each(ENDPOINTS)('a node that fails, %s', (endpoints) => {
  it.each(faultsOf('0x0', endpoints))('$name: our failure, never a verdict on the payer', (kind) => {
    const figures = rpc.find((its) => its.fault === kind.name && its.endpoints === endpoints) as RpcFigures
    expect(brokenBounds(rpcBounds(kind, endpoints), figures), JSON.stringify(figures)).toEqual([])
  })
})

describe('the health route', () => {
  it('does not call the service healthy while its only node fails', () => {
    const calledHealthy = faultsOf('0x0', 'alone').filter((kind) => {
      const figures = rpc.find((its) => its.fault === kind.name && its.endpoints === 'alone') as RpcFigures
      return brokenBounds(healthBounds(kind, 'alone'), figures).length > 0
    })
    expect(calledHealthy.map(({ name }) => name)).toEqual([])
  })
})
