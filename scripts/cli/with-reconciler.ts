import '@/scripts/env-file.mjs'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAppError } from '@/lib/core/errors'
import { createReconciler } from '@/lib/create-reconciler'
import { type Env, env } from '@/lib/env'
import { networkById } from '@/lib/networks/find-network'
import { findLocalPostgres } from '@/scripts/local/postgres'
import { OptionError, type Options } from './options'

type Given = Parameters<typeof createReconciler>[0]
export type Reconciler = ReturnType<typeof createReconciler>

/** It could not be done: neither yes nor no. */
const NOT_DONE = 2

/** Runs a command on the database and the chains that are set, or on those a running `npm start` brought along. */
export async function withReconciler(
  onProgress: Given['onProgress'],
  command: (reconciler: Reconciler) => Promise<number>,
): Promise<void> {
  let code = NOT_DONE
  try {
    const settings = await withLocalChain(env())
    const databaseUrl = settings.DATABASE_URL ?? (await findLocalPostgres(settings.X402_DATA_DIR))
    if (!databaseUrl) throw new Error('There is no database: set DATABASE_URL, or leave "npm start" running.')
    const reconciler = createReconciler({ databaseUrl, settings, onProgress })
    try {
      code = await command(reconciler)
    } finally {
      await reconciler.close()
    }
  } catch (error) {
    process.stderr.write(`This could not be done: ${explain(error)}\n`)
  }
  process.exitCode = code
}

/** The chain of a running `npm start` stands in when no RPC is set. */
async function withLocalChain(settings: Env): Promise<Env> {
  const file = join(settings.X402_DATA_DIR, 'quickstart.json')
  if (settings.rpcUrls.size > 0 || settings.DATABASE_URL || !existsSync(file)) return settings
  const { network, rpcUrl } = JSON.parse(await readFile(file, 'utf8')) as { network: string; rpcUrl: string }
  const chainId = networkById(network)?.chainId
  return chainId === undefined ? settings : { ...settings, rpcUrls: new Map([[chainId, [rpcUrl]]]) }
}

function explain(error: unknown): string {
  const { message, cause } = error as Error
  if (!isAppError(error)) return message
  const of = { rpc_unavailable: 'the RPC', database_unavailable: 'the database' }[error.code as string]
  return of ? `${of} did not answer (${cause instanceof Error ? cause.message : message}).` : message
}

/** A whole number of seconds; the default when the option is left out. */
export function secondsOf(options: Options, name: string, otherwise: number): number {
  const text = options[name]
  if (text === undefined) return otherwise
  if (!/^\d{1,9}$/.test(text)) throw new OptionError(`--${name} must be a whole number of seconds (got "${text}").`)
  return Number(text)
}

/** A network's CAIP-2 id; null when the option is left out. */
export function networkOf({ network }: Options): string | null {
  if (network === undefined) return null
  if (!networkById(network)) throw new OptionError(`--network must be an id such as eip155:8453 (got "${network}").`)
  return network
}
