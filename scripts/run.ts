// Starts the product: what is not given by the environment is brought along. Run by `npm start`.
import { mkdir } from 'node:fs/promises'
import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import { type Env, env } from '@/lib/env'
import { applyMigrations } from './cli/apply-migrations'
import { type RunningChain, startLocalChain } from './local/chain'
import { claimFolder } from './local/claim-folder'
import { startLocalPostgres } from './local/postgres'
import { nextFreePort, type OnSpawn } from './local/processes'
import { printReady, removeQuickstart, writeQuickstart } from './local/quickstart'
import { createStops } from './local/stops'
import { startChild } from './local/supervise'

const say = (text: string) => process.stderr.write(`${text}\n`)

type Start = { settings: Env; onSpawn: OnSpawn; onDeath: () => void }

function main(): void {
  surviveClosedOutput()
  const stops = createStops((error) => say(`While stopping: ${error.message}`))
  const end = async (code: number) => {
    await stops.stopAll(start)
    process.exit(code)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0))
  const start = bringUp(stops.add, () => void end(1))
  start.catch((error: Error) => {
    if (stops.isStopping()) return
    say(error.message)
    void end(1)
  })
}

async function bringUp(onSpawn: OnSpawn, onDeath: () => void): Promise<void> {
  const settings = env()
  const folder = settings.X402_DATA_DIR
  await mkdir(folder, { recursive: true })
  onSpawn(await claimFolder(folder))
  const databaseUrl = settings.DATABASE_URL ?? (await startLocalPostgres(folder, { onSpawn })).url
  const chain = settings.rpcUrls.size === 0 ? await bringChain(folder, onSpawn) : null
  const applied = await applyMigrations(databaseUrl)
  if (applied.length > 0) say(`Applied ${applied.length} database migration(s).`)
  if (!settings.REDIS_URL) say('Rate limits are counted in memory, by each process for itself: REDIS_URL is not set.')
  const port = await bringProduct({ settings, onSpawn, onDeath }, databaseUrl, chain)
  const url = settings.PUBLIC_URL ?? `http://localhost:${port}`
  await announce({ settings, url, databaseUrl, chain, onSpawn })
}

async function bringChain(folder: string, onSpawn: OnSpawn): Promise<RunningChain> {
  const chain = await startLocalChain({ blockSeconds: 2, folder, onSpawn, say })
  if (chain.wasBuilt) say('A local chain was built: Base Sepolia’s id, Circle’s USDC, a block every 2 s.')
  return chain
}

/** Starts web and worker, and gives web's port. */
async function bringProduct(
  { settings, onSpawn, onDeath }: Start,
  databaseUrl: string,
  chain: RunningChain | null,
): Promise<number> {
  const port = await nextFreePort(settings.PORT)
  if (port !== settings.PORT) say(`Port ${settings.PORT} is taken; using ${port}.`)
  const childEnv = {
    ...process.env,
    NODE_ENV: 'production' as const,
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    ...(chain && { X402_RPC_EIP155_84532: chain.url }),
  }
  for (const file of ['server.ts', 'worker.ts']) await startChild(file, childEnv, onDeath, [], onSpawn)
  return port
}

type Announcement = {
  settings: Env
  url: string
  databaseUrl: string
  chain: RunningChain | null
  onSpawn: OnSpawn
}

/** A demo tenant is made only where everything is our own: somebody's database is not ours to put tenants into. */
async function announce({ settings, url, databaseUrl, chain, onSpawn }: Announcement): Promise<void> {
  const folder = settings.X402_DATA_DIR
  if (settings.DATABASE_URL !== undefined || chain === null) return printReady(url, null)
  onSpawn(() => removeQuickstart(folder))
  await printReady(url, await writeQuickstart({ folder, url, databaseUrl, chain }))
}

main()
