import { type ChildProcess, fork } from 'node:child_process'
import type { Mode } from '@/lib/core/plans'
import { SCOPES, type Scope } from '@/lib/core/scopes'
import { LOCAL_CHAIN_ID, startLocalChain } from '@/scripts/local/chain'
import { freePort, stopByPid } from '@/scripts/local/processes'
import { queryDatabase } from '@/tests/support/database'
import { startRedis } from '@/tests/support/redis'
import { createDatabase, startTestPostgres } from '@/tests/support/stack'
import { createTenantWithKey, withAdmin } from '@/tests/support/tenants'

/** Keys of one tenant without limits: for testnets, for mainnets, and one that may only read its usage. */
export type Keys = { test: string; live: string; bare: string }

export type FuzzService = {
  port: number
  pid: number
  keys: Keys
  /** Everything the web process has printed. */
  output(): string
  /** Whether the process that was started is still the one that answers. */
  isRunning(): boolean
  /** The tenant's log, of both modes. */
  logRows(): Promise<LogRow[]>
  stop(): Promise<void>
}

type LogRow = { request_id: string; outcome: string; resource: string | null }

/** The product with a database, Redis and a chain of its own; its output is kept, for nobody may complain unseen. */
export async function startService(): Promise<FuzzService> {
  const [postgres, redis, chain] = await Promise.all([
    startTestPostgres(),
    startRedis(),
    startLocalChain({ blockSeconds: 1, folder: null }),
  ])
  const stopAll = async () => {
    await Promise.all([chain.stop(), redis.stop()])
    await postgres.stop()
  }
  try {
    const databaseUrl = await createDatabase(postgres.url)
    const tenant = await createTenant(databaseUrl)
    const web = await startWeb({
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      [`X402_RPC_EIP155_${LOCAL_CHAIN_ID}`]: chain.url,
    })
    return {
      ...web,
      keys: tenant.keys,
      logRows: () =>
        queryDatabase<LogRow>(
          databaseUrl,
          'SELECT request_id, outcome, resource FROM verifications WHERE tenant_id = $1',
          [tenant.tenantId],
        ),
      async stop() {
        await stopByPid(web.pid, 'SIGTERM', 20_000)
        await stopAll()
      },
    }
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function createTenant(databaseUrl: string) {
  const { tenantId, key: test } = await createTenantWithKey(databaseUrl, { plan: 'enterprise' })
  const another = (mode: Mode, scopes: readonly Scope[]) =>
    withAdmin(databaseUrl, async (admin) => {
      const { key } = await admin.createApiKey({ tenantId, mode, name: 'another', scopes, expiresAt: null })
      return key
    })
  return { tenantId, keys: { test, live: await another('live', SCOPES), bare: await another('test', ['usage:read']) } }
}

/** As the supervisor starts it, but with its output in our hands. */
async function startWeb(env: Record<string, string>) {
  const port = await freePort(0)
  const child = fork('server.ts', {
    execArgv: ['--max-semi-space-size=64', '--min-semi-space-size=16', '--import', 'tsx'],
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      NEXT_TELEMETRY_DISABLED: '1',
      PORT: String(port),
      // Each request says by X-Forwarded-For which address it comes from, or the limits by address would refuse most.
      TRUSTED_PROXIES: '1',
      ...env,
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  const keep = (chunk: Buffer) => (output += chunk.toString('utf8'))
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  await ready(child, () => output)
  return { port, pid: child.pid as number, output: () => output, isRunning: () => child.exitCode === null }
}

function ready(child: ChildProcess, output: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve())
    child.once('exit', (code) => reject(new Error(`server.ts ended with ${code} while starting:\n${output()}`)))
  })
}
