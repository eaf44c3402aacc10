import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'payproof-bootstrap-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs some JavaScript after one of our scripts, in the folder; gives what it printed. */
function run(script: string, code: string, env: Record<string, string> = {}): string {
  const source = `import * as script from ${JSON.stringify(pathToFileURL(resolve('scripts', script)).href)}\n${code}`
  return execFileSync(process.execPath, ['--input-type=module', '-e', source], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env } as unknown as NodeJS.ProcessEnv,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}

it('installs what only development needs too, for that makes the database client', () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), '#!/bin/sh\nmkdir -p node_modules\necho "$@" > npm-was-called-with\n')
  chmodSync(join(bin, 'npm'), 0o755)
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  run('prepare.mjs', 'await script.install()', {
    PATH: `${bin}${delimiter}${process.env['PATH']}`,
    NODE_ENV: 'production',
  })
  expect(readFileSync(join(folder, 'npm-was-called-with'), 'utf8')).toMatch(/^ci .*--include=dev/)
})

it('a .env beside the scripts is read, what the environment says counts more, and none is no mistake', () => {
  const show = 'console.log(JSON.stringify([process.env.PORT, process.env.DATABASE_URL, process.env.REDIS_URL]))'
  const read = () => JSON.parse(run('env-file.mjs', show, { PORT: '4000', DATABASE_URL: '' }))
  expect(read()).toEqual(['4000', '', null])
  writeFileSync(join(folder, '.env'), 'PORT=5000\nDATABASE_URL=postgres://127.0.0.1/theirs\nREDIS_URL=redis://a\n')
  expect(read()).toEqual(['4000', '', 'redis://a'])
})
