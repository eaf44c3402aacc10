import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

// Signing keys belong to the worker process: what web loads must not even know their names.
const WORKER = ['lib/create-worker.ts', 'lib/create-settler.ts']
const FOLDERS = ['lib', 'pages', 'components']

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => /\.tsx?$/.test(path) && statSync(path).isFile())
const files = [...FOLDERS.flatMap(filesIn), 'server.ts'].filter((path) => !path.startsWith('lib/adapters/signers/'))
const text = (path: string) => readFileSync(path, 'utf8')

describe('only the worker has signing keys', () => {
  it('their settings are read by nobody else', () => {
    const readers = files.filter((path) => /\bX402_SIGNER_K/.test(text(path)))
    expect(readers.filter((path) => ![...WORKER, 'lib/env.ts'].includes(path))).toEqual([])
    expect(readers).toContain('lib/env.ts')
  })

  it('the adapters that hold keys are loaded by nobody else', () => {
    const loaders = files.filter((path) => text(path).includes('@/lib/adapters/signers/'))
    expect(loaders.filter((path) => !WORKER.includes(path))).toEqual([])
  })

  it('what the worker is made of is loaded by nobody else', () => {
    const loaders = files.filter((path) => /\/create-(?:worker|settler)'/.test(text(path)))
    expect(loaders.filter((path) => !WORKER.includes(path))).toEqual([])
  })
})
