import type { Armed, CrashPoints, Moment } from '@/tests/support/crash-points'
import { installCrashPoints } from '@/tests/support/crash-points'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'
import { HISTORY_BOUNDS, type History } from '@/tests/support/settlement-history/history'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { DatabaseStage, Scenario } from './scenario'
import { endLease, type Lane, openLane } from './settlement-lane'
import { type CrashPoint, RECIPES } from './transition-recipes'

export type CrashFigures = {
  /** How often a process died at each point and moment. */
  crashes: Record<string, number>
  wrong: string[]
  history: History
}

/** After so long nobody dies any more of what has happened already. */
const LATE_MS = 5_000
const MOMENTS: readonly Moment[] = ['before', 'after']

/** The process that makes a change dies before its commit, and after it. */
export function transitionScenario(
  points: readonly CrashPoint[],
  times: number,
): Scenario<CrashFigures, DatabaseStage> {
  return {
    name: `the process that makes a change is killed at it: ${points.join(', ')}`,
    bounds: {
      ...HISTORY_BOUNDS,
      'somebody died at every change, before its commit and after it': ({ crashes }) =>
        points.every((point) => MOMENTS.every((moment) => crashes[`${moment} ${point}`] === times)),
      'every settlement comes to the end that it should have': ({ wrong }) => wrong.length === 0,
    },
    run: (stage) => withCleanup((atEnd) => runCrashes(stage, { points, times }, atEnd)),
  }
}

type Plan = { points: readonly CrashPoint[]; times: number }
type Crash = { point: CrashPoint; moment: Moment }

async function runCrashes(stage: DatabaseStage, { points, times }: Plan, atEnd: AtEnd): Promise<CrashFigures> {
  let proxy: RpcProxy | undefined
  const workerRpcUrl = async (url: string) => {
    proxy = await startRpcProxy(url)
    atEnd(proxy.stop)
    return proxy.url
  }
  const lane = await openLane(
    {
      postgresUrl: stage.databaseUrl,
      workerRpcUrl,
      slotsInAnEpoch: 8,
      // Authorizations run out by turning the chain's clock on.
      env: { X402_RPC_MAX_HEAD_AGE_SECONDS: '0' },
    },
    atEnd,
  )
  const changes = await installCrashPoints(lane.databaseUrl)
  atEnd(changes.close)
  const arm = armsOf(changes, proxy as RpcProxy)
  const crashes: Record<string, number> = {}
  const wrong: string[] = []
  const plan = Array.from({ length: times }, () =>
    points.flatMap((point) => MOMENTS.map((moment) => ({ point, moment }))),
  ).flat()
  for (const crash of plan) {
    const name = `${crash.moment} ${crash.point}`
    const seen = await crashOnce(lane, arm, crash)
    crashes[name] = (crashes[name] ?? 0) + Number(seen.isCrashed)
    if (seen.wrong) wrong.push(`${name}: ${seen.wrong}`)
  }
  return { crashes, wrong, history: await lane.judge() }
}

type Arm = (crash: Crash, kill: () => Promise<void>) => Armed

function armsOf(changes: CrashPoints, proxy: RpcProxy): Arm {
  return ({ point, moment }, kill) =>
    point === 'send' ? armSend(proxy, moment, kill) : changes.crashAt(point, moment, kill)
}

/** Kills whoever sends: before the node has the bytes, or when it has them and has not said so. */
function armSend(proxy: RpcProxy, moment: Moment, kill: () => Promise<void>): Armed {
  let over: (isCrashed: boolean) => void = () => undefined
  const crashed = new Promise<boolean>((resolve) => {
    over = resolve
  })
  proxy.fault = async ({ questions, response, ask }) => {
    const isSend = questions.some(({ method }) => method === 'eth_sendRawTransaction')
    if (!isSend) return void response.end(JSON.stringify(await ask(questions)))
    proxy.fault = null
    if (moment === 'after') await ask(questions)
    await kill()
    response.destroy()
    over(true)
  }
  return {
    ready: Promise.resolve(),
    crashed,
    async disarm() {
      proxy.fault = null
      over(false)
    },
  }
}

async function crashOnce(lane: Lane, arm: Arm, crash: Crash) {
  const { by, run } = RECIPES[crash.point]
  const slot = by === 'web' ? lane.web : lane.workers[0]
  if (!slot) throw new Error('there is no worker')
  const { ready, crashed, disarm } = arm(crash, slot.kill)
  await ready
  const isBack = crashed.then(async (isDead) => {
    if (isDead && by === 'worker') await endLease(lane.databaseUrl)
    if (isDead) await slot.restart()
    return isDead
  })
  const wrong = await run(lane).catch((error: Error) => error.message)
  // The change is made: whoever hears of it does so now, or never.
  const late = setTimeout(() => void disarm(), LATE_MS)
  const isCrashed = await isBack
  clearTimeout(late)
  return { isCrashed, wrong }
}
