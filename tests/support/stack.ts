import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { migrate } from '@/lib/adapters/postgres/migrate'
import { type LocalPostgres, startLocalPostgres } from '@/scripts/local/postgres'
import { freePort, type Running } from '@/scripts/local/processes'
import { startChild } from '@/scripts/local/supervise'

/** A PostgreSQL of the test run's own, whose data is gone with it. */
export async function startTestPostgres(settings: string[] = ['fsync=off']): Promise<LocalPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'payproof-postgres-'))
  // Root runs Postgres as another user, who has to reach it.
  await chmod(folder, 0o711)
  // Many services of a test file keep their connections on one server.
  const postgres = await startLocalPostgres(folder, { settings: ['max_connections=500', ...settings] })
  return {
    ...postgres,
    async stop() {
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A new database with every migration, beside the others of one server. */
export async function createDatabase(serverUrl: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = new Pool({ connectionString: serverUrl, max: 1 })
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const pool = new Pool({ connectionString: url.href, max: 1 })
  await migrate(pool, 'prisma/migrations')
  await pool.end()
  return url.href
}

export type WebOptions = {
  databaseUrl: string
  rpcUrls: Record<number, string>
  redisUrl?: string
  env?: Record<string, string>
  /** Called when the process ends without being asked to. */
  onDeath?: () => void
  /** Arguments for Node itself, such as --cpu-prof. */
  nodeArgs?: readonly string[]
}

export type RunningWeb = { url: string; base: string; port: number; pid: number; stop(): Promise<void> }

/** The environment of a web process: what is set here, and nothing of whoever runs the tests. */
export function webEnvironment({ databaseUrl, rpcUrls, redisUrl, env }: WebOptions, port: number) {
  return {
    PATH: process.env['PATH'],
    NODE_ENV: 'production' as const,
    NEXT_TELEMETRY_DISABLED: '1',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    ...(redisUrl && { REDIS_URL: redisUrl }),
    ...Object.fromEntries(Object.entries(rpcUrls).map(([id, url]) => [`X402_RPC_EIP155_${id}`, url])),
    ...env,
  }
}

/** A web process of the product, as `npm start` runs it. */
export async function startWeb(options: WebOptions): Promise<RunningWeb> {
  const port = await freePort(0)
  const { onDeath = () => undefined, nodeArgs } = options
  const child = await startChild('server.ts', webEnvironment(options, port), onDeath, nodeArgs)
  const url = `http://127.0.0.1:${port}`
  return { url, base: `${url}/api/v1/x402`, port, pid: child.pid, stop: child.stop }
}

/** A worker process of the product, as `npm start` runs it. */
export async function startWorker(options: WebOptions): Promise<Running> {
  const { onDeath = () => undefined, nodeArgs } = options
  return startChild('worker.ts', webEnvironment(options, await freePort(0)), onDeath, nodeArgs)
}
