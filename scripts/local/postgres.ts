import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { lchown, mkdir, open, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { existingPlaces, makePlace, type Place } from './postgres-place'
import { commandLineOf, freePort, isAlive, type OnSpawn, spawnApart, stopByPid } from './processes'

export type LocalPostgres = { url: string; pid: number; stop(): Promise<void> }

type Options = { settings?: readonly string[]; onSpawn?: OnSpawn }
type Server = { place: Place; pid: number; port: number; password: string }

const PREFERRED_PORT = 54_329
const DATABASE = 'payproof'
const START_TIMEOUT_MS = 30_000
const COMMAND_PATIENCE_MS = 2_000

/**
 * Starts the PostgreSQL that npm brought, on loopback, with its data in `folder`. One that an earlier start left
 * behind is used on, or stopped when it does not answer. Needs no system user.
 */
export async function startLocalPostgres(folder: string, options: Options = {}): Promise<LocalPostgres> {
  await mkdir(folder, { recursive: true })
  const place = await makePlace(await realpath(folder))
  const password = await readOrMakePassword(passwordFileOf(place))
  const log = join(folder, 'postgres.log')

  const left = await findServer(place, password)
  const taken = left && (await whenReady(left, log, options).catch(() => null))
  if (taken) return taken
  await dropStalePid(place)
  if (!existsSync(join(place.data, 'PG_VERSION'))) await initialise(place, password)
  return whenReady(await spawnServer(place, password, log, options), log, options)
}

/** The URL of the Postgres that a running `npm start` keeps in a folder, or null. Whatever it finds, it stops nothing. */
export async function findLocalPostgres(folder: string): Promise<string | null> {
  if (!existsSync(folder)) return null
  for (const place of await existingPlaces(await realpath(folder))) {
    if (!existsSync(passwordFileOf(place))) continue
    const server = await findServer(place, (await readFile(passwordFileOf(place), 'utf8')).trim())
    if (server && (await answers(server))) return urlOf(server, DATABASE)
  }
  return null
}

async function spawnServer(place: Place, password: string, log: string, { settings = [] }: Options): Promise<Server> {
  const port = await freePort(PREFERRED_PORT)
  const output = await open(log, 'a')
  const extra = settings.flatMap((setting) => ['-c', setting])
  const child = spawnApart(
    binaryOf(place),
    ['-D', place.data, '-p', String(port), '-h', '127.0.0.1', '-k', '', ...extra],
    { stdio: ['ignore', output.fd, output.fd], ...place.owner },
  )
  child.once('error', () => undefined)
  child.unref()
  void output.close()
  if (child.pid === undefined) throw new Error('postgres could not be started')
  return { place, pid: child.pid, port, password }
}

/** Waits until a server answers; one that does not is stopped. */
async function whenReady(server: Server, log: string, { onSpawn }: Options): Promise<LocalPostgres> {
  const { pid, place } = server
  const stop = async () => {
    if (await isServer(pid, place)) await stopByPid(pid, 'SIGINT', 15_000)
  }
  try {
    onSpawn?.(stop)
    await answering(server, log)
    return { url: urlOf(server, DATABASE), pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function answering(server: Server, log: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    if (!isAlive(server.pid)) throw new Error(`postgres ended while starting; see ${log}`)
    try {
      return await ensureDatabase(urlOf(server, 'postgres'))
    } catch (error) {
      if (Date.now() > deadline || isWrongPassword(error)) throw explain(error, server.place)
      await sleep(30)
    }
  }
}

function isWrongPassword(error: unknown): boolean {
  return (error as { code?: string }).code === '28P01'
}

function explain(error: unknown, place: Place): unknown {
  if (!isWrongPassword(error)) return error
  const text = `The password in ${passwordFileOf(place)} is not that of the data in ${place.data}.`
  return new Error(`${text} Put the right one back, or remove both to begin anew.`, { cause: error })
}

async function ensureDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE "${DATABASE}"`)
  })
}

async function answers(server: Server): Promise<boolean> {
  try {
    await withClient(urlOf(server, DATABASE), (client) => client.query('SELECT 1'))
    return true
  } catch {
    return false
  }
}

async function withClient(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: COMMAND_PATIENCE_MS })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** What `postmaster.pid` says, when the process it names is our server upon that data: a pid may be somebody else's by now. */
async function findServer(place: Place, password: string): Promise<Server | null> {
  const [pid = 0, , , port = 0] = await readPidFile(place)
  return (await isServer(pid, place)) ? { place, pid, port, password } : null
}

async function isServer(pid: number, place: Place): Promise<boolean> {
  if (!(pid > 0) || !isAlive(pid)) return false
  const commandLine = await commandLineOf(pid)
  return commandLine?.startsWith(`${binaryOf(place)} -D ${place.data} `) === true
}

/** Postgres refuses to start while the pid lives, whosever it is. Only one that is no Postgres at all is dropped. */
async function dropStalePid(place: Place): Promise<void> {
  const [pid = 0] = await readPidFile(place)
  if (!(pid > 0) || !isAlive(pid)) return
  const commandLine = await commandLineOf(pid)
  if (commandLine && !/postgres|postmaster/.test(commandLine)) await rm(pidFileOf(place), { force: true })
}

async function readPidFile(place: Place): Promise<number[]> {
  const text = await readFile(pidFileOf(place), 'utf8').catch(() => '')
  return text.split('\n').map(Number)
}

async function initialise({ home, binaries, data, owner }: Place, password: string): Promise<void> {
  const part = `${data}.part`
  const passwordFile = join(home, `initdb-${process.pid}`)
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { mode: 0o700 })
  try {
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (owner.uid !== undefined) for (const path of [part, passwordFile]) await lchown(path, owner.uid, owner.gid)
    const fixed = ['-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C']
    const args = ['-D', part, ...fixed, '--pwfile', passwordFile]
    const { status, stderr } = spawnSync(join(binaries, 'bin/initdb'), args, { ...owner, cwd: home, encoding: 'utf8' })
    if (status !== 0) throw new Error(`initdb failed:\n${stderr}`)
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(part, data)
}

/** For us alone: the user who runs Postgres does not need it. */
async function readOrMakePassword(file: string): Promise<string> {
  if (existsSync(file)) return (await readFile(file, 'utf8')).trim()
  const password = randomBytes(18).toString('base64url')
  await writeFile(file, password, { mode: 0o600 })
  return password
}

const binaryOf = ({ binaries }: Place) => join(binaries, 'bin/postgres')
const pidFileOf = ({ data }: Place) => join(data, 'postmaster.pid')
const passwordFileOf = ({ home }: Place) => join(home, 'postgres-password')

function urlOf({ password, port }: Server, database: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/${database}`
}
