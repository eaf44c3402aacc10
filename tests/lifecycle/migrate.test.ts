import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalPostgres } from '@/scripts/local/postgres'
import { freePort } from '@/scripts/local/processes'
import { startTestPostgres } from '@/tests/support/stack'

const MIGRATIONS = readdirSync('prisma/migrations', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort()
const OF_THE_CHECKOUT = ['scripts', 'lib', 'generated', 'prisma', 'node_modules', 'tsconfig.json', 'package.json']

let postgres: LocalPostgres
/** A checkout of its own, in which a .env may stand. */
let checkout: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  checkout = mkdtempSync(join(tmpdir(), 'payproof-checkout-'))
  for (const name of OF_THE_CHECKOUT) symlinkSync(resolve(name), join(checkout, name))
})
afterAll(async () => {
  rmSync(checkout, { recursive: true, force: true })
  await postgres.stop()
})

async function createEmptyDatabase(name: string): Promise<string> {
  const client = new Client({ connectionString: postgres.url })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  const url = new URL(postgres.url)
  url.pathname = `/${name}`
  return url.href
}

function run(script: string, args: readonly string[], env: Record<string, string>) {
  const all = { PATH: process.env['PATH'], X402_DATA_DIR: join(checkout, '.data'), ...env }
  return spawnSync(process.execPath, ['--import', 'tsx', `scripts/${script}.ts`, ...args], {
    cwd: checkout,
    env: all as unknown as NodeJS.ProcessEnv,
    encoding: 'utf8',
  })
}
const migrate = (DATABASE_URL?: string) => run('migrate', [], DATABASE_URL === undefined ? {} : { DATABASE_URL })

describe('npm run migrate', () => {
  it('applies what a database lacks and names it; the second time nothing is to be done', async () => {
    const url = await createEmptyDatabase('fresh')
    const first = migrate(url)
    expect(first.stderr).toBe('')
    expect(first.stdout.trim().split('\n')).toEqual(MIGRATIONS.map((name) => `Applied ${name}`))
    expect(first.status).toBe(0)
    const second = migrate(url)
    expect(second.stdout).toBe('The database has every migration: nothing was to be done.\n')
    expect(second.status).toBe(0)
  })

  it('says that it needs DATABASE_URL', () => {
    const { status, stderr } = migrate()
    expect(status).toBe(1)
    expect(stderr).toBe('Set DATABASE_URL to the database that is to be migrated.\n')
  })

  it('says which database cannot be reached and why, without its password', async () => {
    const port = await freePort(0)
    const { status, stderr } = migrate(`postgres://me:secret@localhost:${port}/away`)
    expect(status).toBe(1)
    expect(stderr).toMatch(new RegExp(`^The migrations were not applied to localhost:${port}/away: .*ECONNREFUSED`))
    expect(stderr).not.toContain('secret')
  })
})

describe('a .env in the checkout', () => {
  it('is read by the commands, and the environment counts more', async () => {
    const url = await createEmptyDatabase('by_file')
    writeFileSync(join(checkout, '.env'), `# ours\nDATABASE_URL=${url}\nREDIS_URL=\n`)
    expect(migrate().stdout).toContain(`Applied ${MIGRATIONS[0]}`)
    const created = run('tenants', ['create', '--name', 'Acme'], {})
    expect(JSON.parse(created.stdout)).toMatchObject({ name: 'Acme' })
    const other = await createEmptyDatabase('by_environment')
    expect(run('tenants', ['list'], { DATABASE_URL: other }).status).toBe(1)
    expect(run('tenants', ['list'], {}).stdout).toContain('Acme')
  })
})
