// npm run test:faults [-- --seconds 60]: the faults of tests/faults at length, with the figures of each.
import { parseArgs } from 'node:util'
import { POISON_SCENARIO } from './poison-faults'
import { POSTGRES_SCENARIOS } from './postgres-faults'
import { REDIS_SCENARIOS } from './redis-faults'
import { healthBounds, type RpcFigures, rpcBounds } from './rpc-bounds'
import { rpcFaultKinds } from './rpc-fault-kinds'
import { openRpcLanes, runRpcFaults } from './rpc-faults'
import { type Bounds, brokenBounds, type Scenario } from './scenario'
import { playChainFaults } from './settle-chain-plans'
import type { Played } from './settle-chain-scenario'
import { openSettleStage } from './settle-chain-stage'
import { LONG_SETTLEMENT_SCENARIOS } from './settlement-scenarios'
import { openStage, type Stage } from './stage'
import { STOP_SCENARIOS } from './stop-faults'

const { values: options } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
const SECONDS = Number(options.seconds)
/** Known keys are believed for 60 s: an outage that shows the end of it lasts longer. */
const POSTGRES_SECONDS = SECONDS + 15
const STOP_SECONDS = Math.min(SECONDS, 10)
const LANES = 5
const CHAIN_LANES = 3
const PROGRESS_MS = 10_000

const say = (text: string) => process.stdout.write(`${text}\n`)
const counts = { passed: 0, failed: 0 }

/** Holds figures to their bounds: a line of JSON, and one for every bound that is broken. */
function judge<Figures>(name: string, bounds: Bounds<Figures>, figures: Figures): void {
  const broken = brokenBounds(bounds, figures)
  counts.failed += broken.length
  counts.passed += Object.keys(bounds).length - broken.length
  say(JSON.stringify({ scenario: name, figures, broken }))
  for (const words of broken) say(`  FAILED  ${name}: ${words}`)
}

async function withProgress<T>(name: string, run: () => Promise<T>): Promise<T> {
  say(`${name} …`)
  const startedAt = Date.now()
  const timer = setInterval(() => say(`  ${name}: ${Math.round((Date.now() - startedAt) / 1_000)} s`), PROGRESS_MS)
  try {
    return await run()
  } finally {
    clearInterval(timer)
  }
}

/** A scenario that breaks off counts as one failure, and the others run all the same. */
async function play<Figures>(stage: Stage, scenario: Scenario<Figures>, seconds: number): Promise<void> {
  const { name, bounds, run } = scenario
  try {
    judge(name, bounds, await withProgress(name, () => run(stage, { seconds })))
  } catch (error) {
    brokeOff(name, error)
  }
}

function brokeOff(name: string, error: unknown): void {
  counts.failed++
  say(`  FAILED  ${name}: ${error instanceof Error ? error.stack : error}`)
}

async function playRpcFaults(stage: Stage): Promise<void> {
  const name = 'nodes that fail'
  const kinds = rpcFaultKinds(stage.payments.staleBlock)
  const onResult = (figures: RpcFigures) => {
    const { fault, endpoints } = figures
    const kind = kinds.find((candidate) => candidate.name === fault) ?? {}
    const bounds = { ...rpcBounds(kind, endpoints), ...healthBounds(kind, endpoints) }
    judge(`a node, ${endpoints}: ${fault}`, bounds, figures)
  }
  const lanes = await openRpcLanes(stage, LANES)
  try {
    await withProgress(name, () => runRpcFaults(stage, lanes, { seconds: SECONDS, onResult }))
  } catch (error) {
    brokeOff(name, error)
  } finally {
    await lanes.close()
  }
}

async function playChain(): Promise<void> {
  const name = 'what a chain does to settlements'
  const stage = await openSettleStage()
  const onPlayed = ({ name: one, bounds, figures }: Played) => judge(one, bounds, figures)
  try {
    await withProgress(name, () => playChainFaults(stage, 'long', { lanes: CHAIN_LANES, onPlayed }))
  } catch (error) {
    brokeOff(name, error)
  } finally {
    await stage.stop()
  }
}

async function main(): Promise<void> {
  const stage = await openStage()
  try {
    for (const scenario of REDIS_SCENARIOS) await play(stage, scenario, SECONDS)
    await play(stage, POISON_SCENARIO, STOP_SECONDS)
    for (const scenario of STOP_SCENARIOS) await play(stage, scenario, STOP_SECONDS)
    await Promise.all(POSTGRES_SCENARIOS.map((scenario) => play(stage, scenario, POSTGRES_SECONDS)))
    await playRpcFaults(stage)
    for (const together of LONG_SETTLEMENT_SCENARIOS) {
      await Promise.all(together.map((scenario) => play(stage, scenario, SECONDS)))
    }
  } finally {
    await stage.stop()
  }
  await playChain()
  say(`${counts.passed} passed, ${counts.failed} failed`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  process.exitCode = 1
})
