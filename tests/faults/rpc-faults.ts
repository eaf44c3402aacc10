import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Hex } from 'viem'
import { call } from '@/tests/support/api'
import { type Load, preciseNow, startLoad } from '@/tests/support/open-loop'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'
import type { RunningWeb } from '@/tests/support/stack'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'
import { createVerifyClient, type VerifyClient } from '@/tests/support/verify-client'
import {
  ENDPOINTS,
  type Endpoints,
  isRightVerdict,
  isVerdict,
  type Judged,
  LONGEST_ANSWER_MS,
  LONGEST_RECOVERY_MS,
  measureRpc,
  type RpcFigures,
} from './rpc-bounds'
import { type RpcFaultKind, rpcFaultKinds } from './rpc-fault-kinds'
import type { RunOptions } from './scenario'
import type { Stage } from './stage'

const PER_SECOND = 20
const WARM_UP = 30
const BEFORE_MS = 600
const AFTER_MS = 300
type Lane = {
  endpoints: Endpoints
  web: RunningWeb
  proxy: RpcProxy
  client: VerifyClient
  tenant: TestTenant
  close(): Promise<void>
}

export type RpcLanes = { lanes: readonly Lane[]; close(): Promise<void> }

/** Web processes to try faults on, so many for each arrangement of endpoints. They start two at a time. */
export async function openRpcLanes(stage: Stage, count: number): Promise<RpcLanes> {
  const wanted: Endpoints[] = Array.from({ length: count }, () => ENDPOINTS).flat()
  const lanes: Lane[] = []
  const openNext = async () => {
    for (let next = wanted.shift(); next; next = wanted.shift()) lanes.push(await openLane(stage, next))
  }
  await Promise.all([openNext(), openNext()])
  return { lanes, close: async () => void (await Promise.all(lanes.map((lane) => lane.close()))) }
}

/** Every fault of an endpoint, alone and before a good one; each lane takes the next when it is done with one. */
export async function runRpcFaults(
  stage: Stage,
  { lanes }: RpcLanes,
  { seconds, onResult }: RunOptions & { onResult?(figures: RpcFigures): void },
): Promise<RpcFigures[]> {
  const results: RpcFigures[] = []
  const waiting = new Map(ENDPOINTS.map((endpoints) => [endpoints, faultsOf(stage.payments.staleBlock, endpoints)]))
  const runLane = async (lane: Lane) => {
    const kinds = waiting.get(lane.endpoints) ?? []
    for (let kind = kinds.shift(); kind; kind = kinds.shift()) {
      const figures = await runFault(stage, lane, kind, { seconds })
      results.push(figures)
      onResult?.(figures)
    }
  }
  await Promise.all(lanes.map(runLane))
  return results
}

/** The faults that can be told with these endpoints. */
export function faultsOf(staleBlock: Hex, endpoints: Endpoints): RpcFaultKind[] {
  return rpcFaultKinds(staleBlock).filter(({ needsSecond }) => endpoints === 'with a second' || !needsSecond)
}

async function openLane(stage: Stage, endpoints: Endpoints): Promise<Lane> {
  const proxy = await startRpcProxy(stage.running.url)
  const rpcUrl = endpoints === 'alone' ? proxy.url : `${proxy.url},${stage.running.url}`
  const [web, tenant] = await Promise.all([stage.startWeb({ rpcUrl }), createTenantWithKey(stage.databaseUrl)])
  const client = createVerifyClient(web.url)
  // What a process does for the first time takes longer, and is not what is measured.
  for (let index = 0; index < WARM_UP; index++) await client.verify(tenant.key, stage.payments.mixed(index).body)
  const close = async () => {
    await client.close()
    await web.stop()
    await proxy.stop()
  }
  return { endpoints, web, proxy, client, tenant, close }
}

/** One load over everything: before the fault, while it lasts, and until the endpoint is used again. */
async function runFault(stage: Stage, lane: Lane, kind: RpcFaultKind, { seconds }: RunOptions): Promise<RpcFigures> {
  const { client, proxy, tenant, web, endpoints } = lane
  const before = await countUnits(stage, lane)
  const load = startLoad(PER_SECOND, async (index): Promise<Judged> => {
    const payment = stage.payments.mixed(index)
    return { payment, answer: await client.verify(tenant.key, payment.body) }
  })
  await sleep(BEFORE_MS)
  const beganAt = preciseNow()
  proxy.fault = kind.fault
  await sleep(seconds * 1_000 + (kind.isSilent ? LONGEST_ANSWER_MS : 0))
  const healthWhile = (await call(`${web.base}/health`)).body.status as string
  const liftedAt = preciseNow()
  proxy.fault = null
  await (endpoints === 'alone' ? rightAgain(load, liftedAt) : askedAgain(proxy))
  const recoveryMs = Math.round(preciseNow() - liftedAt)
  await sleep(AFTER_MS)
  const samples = await load.end()
  const units = await countUnits(stage, lane)
  const verdicts = samples.filter(isVerdict).length
  return {
    fault: kind.name,
    endpoints,
    ...measureRpc(samples, { beganAt, liftedAt, showsAt: beganAt + (kind.showsAfterMs ?? 0) }),
    healthWhile,
    recoveryMs,
    unitsTooMany: { redis: units.redis - before.redis - verdicts, usage: units.usage - before.usage - verdicts },
  }
}

const RECOVERY_PATIENCE_MS = 2 * LONGEST_RECOVERY_MS

/** Waits for the first right verdict on a payment sent after a moment. */
async function rightAgain({ soFar }: Load<Judged>, after: number): Promise<void> {
  const isBack = () => soFar.some((sample) => sample.sentAt >= after && isRightVerdict(sample))
  while (!isBack() && preciseNow() - after < RECOVERY_PATIENCE_MS) await sleep(20)
}

/** Waits until the endpoint behind a proxy is asked for more than its head. */
async function askedAgain(proxy: RpcProxy): Promise<void> {
  const startedAt = preciseNow()
  let isAsked = false
  proxy.onBatch = (body) => {
    isAsked ||= body.includes('eth_call')
  }
  while (!isAsked && preciseNow() - startedAt < RECOVERY_PATIENCE_MS) await sleep(20)
  proxy.onBatch = null
}

/** The units of this month: in Redis, where they are reserved and given back, and in what the tenant is shown. */
async function countUnits({ redis }: Stage, { web, tenant }: Lane): Promise<{ redis: number; usage: number }> {
  const client = new Redis(redis.url)
  try {
    const { body } = await call(`${web.base}/usage`, { key: tenant.key })
    const [key] = await client.keys(`x402:{${tenant.tenantId}:test}:month:*`)
    return { redis: key ? Number(await client.get(key)) : 0, usage: body.verifications.used }
  } finally {
    client.disconnect()
  }
}
