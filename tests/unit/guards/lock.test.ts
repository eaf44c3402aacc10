import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

type Lock = {
  packages: Record<string, { dependencies?: Record<string, string>; optionalDependencies?: Record<string, string> }>
}

const LOCKS = ['package-lock.json', 'tests/official/package-lock.json']
const { missingFromLock } = (await import(pathToFileURL(resolve('scripts/check-lock.mjs')).href)) as {
  missingFromLock(file: string): string[]
}
const ours = () => JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'payproof-lock-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function missingIn(lock: Lock): Promise<string[]> {
  const file = join(folder, 'package-lock.json')
  await writeFile(file, JSON.stringify(lock))
  return missingFromLock(file)
}

/** Our lock file without some of its packages. */
function without(...paths: string[]): Lock {
  const lock = ours()
  for (const path of paths) {
    expect(lock.packages).toHaveProperty([path])
    delete lock.packages[path]
  }
  return lock
}

describe('check-lock', () => {
  it.each(LOCKS)('finds no hole in %s', (file) => {
    expect(missingFromLock(file)).toEqual([])
  })

  it('finds a dependency of ours that is missing', async () => {
    expect(await missingIn(without('node_modules/zod'))).toContain('zod, wanted by the project')
  })

  it('finds what only tests need', async () => {
    expect(await missingIn(without('node_modules/fast-check'))).toContain('fast-check, wanted by the project')
  })

  it('finds an optional package of another platform, which is what a lock made here would lack', async () => {
    const next = ours().packages['node_modules/next']
    const optional = Object.keys(next?.optionalDependencies ?? {}).find((name) => name.includes('darwin')) as string
    const missing = await missingIn(without(`node_modules/${optional}`))
    expect(missing).toEqual([`${optional}, wanted by node_modules/next`])
  })

  it('finds a dependency of a dependency, and takes one further up for good', async () => {
    const { packages } = ours()
    const nested = Object.keys(packages).find((path) => path.split('/node_modules/').length === 2) as string
    const [outer = '', name = ''] = nested.split('/node_modules/')
    const lock = without(nested)
    const hasTwin = `node_modules/${name}` in lock.packages
    expect(await missingIn(lock)).toEqual(hasTwin ? [] : [`${name}, wanted by ${outer}`])
    delete lock.packages[`node_modules/${name}`]
    expect((await missingIn(lock)).join()).toContain(`${name}, wanted by ${outer}`)
  })
})

describe('a lock file names no registry', () => {
  it.each(LOCKS)('%s', (file) => {
    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain('"resolved"')
    const hosts = [...text.matchAll(/https?:\/\/([^/"\s]+)/g)].map(([, host]) => host as string)
    expect(
      hosts.filter((host) => /registry|npm\.|artifact|verdaccio|nexus|\d+\.\d+\.\d+\.\d+|localhost/.test(host)),
    ).toEqual([])
  })
})
