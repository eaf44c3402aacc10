// Starts the product: what is not given by the environment is brought along. Run by `npm start`.
import { mkdir } from 'node:fs/promises'
import { Pool } from 'pg'
import { migrate } from '@/lib/adapters/postgres/migrate'
import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import { type Env, env } from '@/lib/env'
import { type RunningChain, startLocalChain } from './local/chain'
import { claimFolder } from './local/claim-folder'
import { startLocalPostgres } from './local/postgres'
import { nextFreePort } from './local/processes'
import { printReady, removeQuickstart, writeQuickstart } from './local/quickstart'
import { startChild } from './local/supervise'

const MIGRATIONS = 'prisma/migrations'
const say = (text: string) => process.stderr.write(`${text}\n`)

type Stop = () => Promise<void>

async function main(): Promise<void> {
  surviveClosedOutput()
  const settings = env()
  await mkdir(settings.X402_DATA_DIR, { recursive: true })
  const stops: Stop[] = [await claimFolder(settings.X402_DATA_DIR)]
  const stopAll = stopOnce(stops)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stopAll(0))
  try {
    await bringUp(settings, stops, () => void stopAll(1))
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    await stopAll(1)
  }
}

async function bringUp(settings: Env, stops: Stop[], onDeath: () => void): Promise<void> {
  const folder = settings.X402_DATA_DIR
  const databaseUrl = settings.DATABASE_URL ?? (await bringPostgres(folder, stops))
  const chain = settings.rpcUrls.size === 0 ? await bringChain(folder, stops) : null
  await applyMigrations(databaseUrl)
  if (!settings.REDIS_URL) say('Rate limits are counted in memory, by each process for itself: REDIS_URL is not set.')

  const port = await nextFreePort(settings.PORT)
  if (port !== settings.PORT) say(`Port ${settings.PORT} is taken; using ${port}.`)
  const childEnv = {
    ...process.env,
    NODE_ENV: 'production' as const,
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    ...(chain && { X402_RPC_EIP155_84532: chain.url }),
  }
  for (const file of ['server.ts', 'worker.ts']) stops.push((await startChild(file, childEnv, onDeath)).stop)
  await announce(settings, { url: settings.PUBLIC_URL ?? `http://localhost:${port}`, databaseUrl, chain }, stops)
}

type Running = { url: string; databaseUrl: string; chain: RunningChain | null }

/** A demo tenant is made only where everything is our own: somebody's database is not ours to put tenants into. */
async function announce(settings: Env, { url, databaseUrl, chain }: Running, stops: Stop[]): Promise<void> {
  const folder = settings.X402_DATA_DIR
  const isOurs = settings.DATABASE_URL === undefined && chain !== null
  const quickstart = isOurs ? await writeQuickstart({ folder, url, databaseUrl, chain }) : null
  if (quickstart) stops.push(() => removeQuickstart(folder))
  await printReady(url, quickstart)
}

async function bringPostgres(folder: string, stops: Stop[]): Promise<string> {
  const postgres = await startLocalPostgres(folder)
  stops.push(postgres.stop)
  return postgres.url
}

async function bringChain(folder: string, stops: Stop[]): Promise<RunningChain> {
  const chain = await startLocalChain({ blockSeconds: 2, folder })
  stops.push(chain.stop)
  if (chain.wasBuilt) say('A local chain was built: Base Sepolia’s id, Circle’s USDC, a block every 2 s.')
  return chain
}

async function applyMigrations(databaseUrl: string): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  try {
    const applied = await migrate(pool, MIGRATIONS)
    if (applied.length > 0) say(`Applied ${applied.length} database migration(s).`)
  } finally {
    await pool.end()
  }
}

/** Stops everything in the reverse order of its start, once, however many signals come. */
function stopOnce(stops: Stop[]): (code: number) => Promise<void> {
  let stopping = false
  return async (code) => {
    if (stopping) return
    stopping = true
    for (const stop of stops.reverse()) await stop().catch((error: Error) => say(`While stopping: ${error.message}`))
    process.exit(code)
  }
}

void main()
