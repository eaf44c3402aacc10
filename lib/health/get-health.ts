import type { Clock } from '@/lib/core/clock'
import type { NetworkState } from '@/lib/networks/served-networks'
import { describeSettling, isSettlingWell, type Settling } from './describe-settling'

type Status = 'healthy' | 'degraded' | 'unhealthy'

export type GetHealthDeps = {
  now: Clock
  /** Milliseconds of one round trip. @throws when the database does not answer */
  pingDatabase(): Promise<number>
  /** Null when no Redis is set. @throws when it does not answer */
  pingRedis: (() => Promise<number>) | null
  networkStates(): Promise<readonly NetworkState[]>
  settling(): Settling
  log: { state(): { waiting: number; dropped: number } }
  recentErrors(): number
}

const PING_TIMEOUT_MS = 1_000

/** Whether the service can do its work, and what is wrong. Tells nothing that a stranger may not know. */
export async function getHealth(deps: GetHealthDeps) {
  const startedAt = deps.now()
  const [database, rateLimits, states] = await Promise.all([
    ping(deps.pingDatabase),
    deps.pingRedis ? ping(deps.pingRedis) : { status: 'healthy' as const, latency_ms: 0 },
    deps.networkStates(),
  ])
  const settling = deps.settling()
  const networks = Object.fromEntries(
    states.map((state) => [state.network.id, { ...describe(state), ...describeSettling(settling, state.network.id) }]),
  )
  const verifier = verifierStatus(states)
  const ids = states.map(({ network }) => network.id)
  const settlement: Status = isSettlingWell(settling, ids) ? 'healthy' : 'degraded'
  const { waiting, dropped } = deps.log.state()
  const log: Status = dropped > 0 || database.status === 'unhealthy' ? 'degraded' : 'healthy'
  return {
    status: overall(database.status, verifier, settlement, rateLimits.status, log),
    timestamp: new Date(deps.now()).toISOString(),
    checks: {
      database,
      verifier: { status: verifier, mode: 'in_process' as const },
      settlement: { status: settlement },
      rateLimits: { ...rateLimits, store: deps.pingRedis ? ('redis' as const) : ('memory' as const) },
      log: { status: log, rowsWaiting: waiting, rowsDropped: dropped },
      networks,
    },
    recentErrors: deps.recentErrors(),
    responseTimeMs: deps.now() - startedAt,
  }
}

/** Without the database nobody can be let in; without a chain nothing can be judged. All else we can do without. */
function overall(database: Status, verifier: Status, ...others: Status[]): Status {
  if (database === 'unhealthy' || verifier === 'unhealthy') return 'unhealthy'
  return [verifier, ...others].every((status) => status === 'healthy') ? 'healthy' : 'degraded'
}

function verifierStatus(states: readonly NetworkState[]): Status {
  const served = states.filter(({ status }) => status === 'served').length
  if (served === 0) return 'unhealthy'
  return states.every(({ status, problems }) => status === 'served' && problems.length === 0) ? 'healthy' : 'degraded'
}

function describe({ status, problems }: NetworkState) {
  if (status === 'served') return problems.length > 0 ? { status: 'degraded', problems } : { status: 'healthy' }
  return { status: 'unhealthy', problems }
}

async function ping(measure: () => Promise<number>): Promise<{ status: Status; latency_ms: number | null }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), PING_TIMEOUT_MS)
  })
  try {
    return { status: 'healthy', latency_ms: await Promise.race([measure(), late]) }
  } catch {
    // That it does not answer is the finding.
    return { status: 'unhealthy', latency_ms: null }
  } finally {
    clearTimeout(timer)
  }
}
