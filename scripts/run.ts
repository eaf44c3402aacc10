// Starts the product: what is not given by the environment is brought along. Run by `npm start`.
import { mkdir } from 'node:fs/promises'
import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import { type Env, env } from '@/lib/env'
import { applyMigrations } from './cli/apply-migrations'
import { type RunningChain, startLocalChain } from './local/chain'
import { claimFolder } from './local/claim-folder'
import { DEV_WALLETS, privateKeyOf } from './local/dev-accounts'
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
    ...(chain && localSettling(settings, chain)),
  }
  await Promise.all([
    startChild('server.ts', { ...childEnv, ...NO_SIGNER }, onDeath, [], onSpawn),
    startChild('worker.ts', childEnv, onDeath, [], onSpawn),
  ])
  return port
}

/** Keys that sign are the worker's alone. */
const NO_SIGNER = { X402_SIGNER_KEYS: '', X402_SIGNER_KEY_FILE: '', X402_SIGNER_KMS_KEYS: '' }

/** A thousand ether: the gas of the embedded chain costs nobody anything. */
const GENEROUS_WEI = '1000000000000000000000'
const GAS_BOUNDS = ['X402_GAS_BUDGET_TENANT_WEI', 'X402_GAS_BUDGET_PAYER_WEI', 'X402_SPEND_CAP_WALLET_WEI']

/** The embedded chain has wallets that are nobody's secret, and may have lost its last seconds. */
function localSettling(settings: Env, chain: RunningChain) {
  const unset = GAS_BOUNDS.filter((name) => !process.env[name])
  const hasSigner = settings.X402_SIGNER_KEYS ?? settings.X402_SIGNER_KEY_FILE ?? settings.X402_SIGNER_KMS_KEYS
  return {
    X402_RPC_EIP155_84532: chain.url,
    X402_CHAIN_REWINDS: 'true',
    ...Object.fromEntries(unset.map((name) => [name, GENEROUS_WEI])),
    ...(hasSigner === undefined && { X402_SIGNER_KEYS: DEV_WALLETS.map(privateKeyOf).join(',') }),
  }
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
