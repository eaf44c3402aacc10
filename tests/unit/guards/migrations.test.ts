import { createHash, randomBytes } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ensureComingPartitions } from '@/lib/adapters/postgres/log-partitions'
import { isMigrated, migrate } from '@/lib/adapters/postgres/migrate'
import type { LocalPostgres } from '@/scripts/local/postgres'
import { openSchemaEngine } from '@/tests/support/schema-engine'
import { startTestPostgres } from '@/tests/support/stack'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const FOLDER = 'prisma/migrations'
const SCHEMA = 'prisma/schema.prisma'
const CLEAN = { editedMigrationNames: [], failedMigrationNames: [], hasMigrationsTable: true, history: null }

let postgres: LocalPostgres
let folder: string
const pools: Pool[] = []

beforeAll(async () => {
  postgres = await startTestPostgres()
  folder = await mkdtemp(join(tmpdir(), 'payproof-migrations-'))
}, 60_000)

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await postgres?.stop()
  await rm(folder, { recursive: true, force: true })
})

function open(url: string, max = 2): Pool {
  const pool = new Pool({ connectionString: url, max })
  // The server is stopped while connections may still say goodbye.
  pool.on('error', () => undefined)
  pools.push(pool)
  return pool
}

async function emptyDatabase(): Promise<{ url: string; pool: Pool }> {
  const name = `empty_${randomBytes(6).toString('hex')}`
  await open(postgres.url).query(`CREATE DATABASE ${name}`)
  const url = new URL(postgres.url)
  url.pathname = `/${name}`
  return { url: url.href, pool: open(url.href) }
}

async function migratedDatabase(): Promise<{ url: string; pool: Pool; applied: string[] }> {
  const { url, pool } = await emptyDatabase()
  return { url, pool, applied: await migrate(pool, FOLDER) }
}

async function withEngine<T>(url: string, ask: (engine: Awaited<ReturnType<typeof openSchemaEngine>>) => Promise<T>) {
  const engine = await openSchemaEngine(url, SCHEMA)
  try {
    return await ask(engine)
  } finally {
    await engine.close()
  }
}

/** The migrations of the product in a folder of the test's own, with one more. */
async function withMigration(name: string, sql: string): Promise<string> {
  const copy = await mkdtemp(join(folder, 'copy-'))
  await cp(FOLDER, copy, { recursive: true })
  await mkdir(join(copy, name))
  await writeFile(join(copy, name, 'migration.sql'), sql)
  return copy
}

describe('after our runner', () => {
  it('Prisma’s own engine finds a clean history, and no drift between the database and the schema', async () => {
    const { url, applied } = await migratedDatabase()
    expect(applied.length).toBeGreaterThan(0)
    await withEngine(url, async (engine) => {
      expect(await engine.diagnose(FOLDER)).toEqual(CLEAN)
      expect(await engine.drift()).toBeNull()
    })
  })

  it('the partitions of the log are no drift: they stand where Prisma does not look', async () => {
    const { url, pool } = await migratedDatabase()
    await ensureComingPartitions(pool, Date.now())
    const { rows } = await pool.query("SELECT count(*)::int AS days FROM pg_tables WHERE schemaname = 'log'")
    expect(rows[0].days).toBeGreaterThan(10)
    expect(await withEngine(url, (engine) => engine.drift())).toBeNull()
  })

  it('the book of migrations has the checksums that Prisma would write', async () => {
    const { pool, applied } = await migratedDatabase()
    const { rows } = await pool.query('SELECT * FROM _prisma_migrations ORDER BY migration_name')
    expect(rows.map((row) => row.migration_name)).toEqual(applied)
    for (const row of rows) {
      const sql = await readFile(join(FOLDER, row.migration_name, 'migration.sql'))
      expect(row.checksum).toBe(createHash('sha256').update(sql).digest('hex'))
      expect(row).toMatchObject({ applied_steps_count: 1, rolled_back_at: null, finished_at: expect.any(Date) })
    }
  })

  it('a second run applies nothing', async () => {
    const { pool } = await migratedDatabase()
    expect(await migrate(pool, FOLDER)).toEqual([])
    expect(await isMigrated(pool, FOLDER)).toBe(true)
  })
})

describe('two runners at once', () => {
  it('are safe: one applies, the other finds all applied', async () => {
    const { url, pool } = await emptyDatabase()
    const runners = [pool, open(url), open(url), open(url)]
    const applied = (await Promise.all(runners.map((runner) => migrate(runner, FOLDER)))).filter(
      ({ length }) => length > 0,
    )
    expect(applied).toHaveLength(1)
    const { rows } = await pool.query('SELECT count(*)::int AS rows FROM _prisma_migrations')
    expect(rows[0].rows).toBe(applied[0]?.length)
    expect(await withEngine(url, (engine) => engine.diagnose(FOLDER))).toEqual(CLEAN)
  })

  it('the lock is free again, also after a run that failed', async () => {
    const { url, pool } = await migratedDatabase()
    const copy = await withMigration('29990101000000_bad', 'SELECT 1/0;')
    await expect(migrate(pool, copy)).rejects.toThrow('29990101000000_bad')
    expect(await migrate(open(url), FOLDER)).toEqual([])
    const { rows } = await pool.query("SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'")
    expect(rows[0].locks).toBe(0)
  })
})

describe('what must not pass', () => {
  it('a migration that was changed after it was applied is refused by name, and nothing is done', async () => {
    const { url, pool, applied } = await migratedDatabase()
    const copy = await withMigration('29990101000000_new', 'CREATE TABLE never (id int);')
    const changed = join(copy, applied[0] as string, 'migration.sql')
    await writeFile(changed, `${await readFile(changed, 'utf8')}\n-- changed`)
    await expect(migrate(pool, copy)).rejects.toThrow(applied[0] as string)
    expect((await pool.query("SELECT to_regclass('never') AS found")).rows[0].found).toBeNull()
    const found = await withEngine(url, (engine) => engine.diagnose(copy))
    expect(found.editedMigrationNames).toEqual([applied[0]])
  })

  it('a migration that fails leaves nothing behind, and can be mended', async () => {
    const { url, pool } = await migratedDatabase()
    const name = '29990101000000_half'
    const copy = await withMigration(name, 'CREATE TABLE half (id int); SELECT 1/0;')
    await expect(migrate(pool, copy)).rejects.toThrow(`The migration ${name} failed: division by zero`)
    expect((await pool.query("SELECT to_regclass('half') AS found")).rows[0].found).toBeNull()
    expect(await withEngine(url, (engine) => engine.diagnose(FOLDER))).toEqual(CLEAN)
    await writeFile(join(copy, name, 'migration.sql'), 'CREATE TABLE half (id int);')
    expect(await migrate(pool, copy)).toEqual([name])
  })

  it('a database that lacks a migration is not ready, and says which', async () => {
    const { url, pool } = await migratedDatabase()
    const name = '29990101000000_later'
    const copy = await withMigration(name, 'CREATE TABLE later (id int);')
    expect(await isMigrated(pool, copy)).toBe(false)
    const { history } = await withEngine(url, (engine) => engine.diagnose(copy))
    expect(history).toEqual({ diagnostic: 'databaseIsBehind', unappliedMigrationNames: [name] })
  })

  it('an empty database is not ready', async () => {
    const { pool } = await emptyDatabase()
    await expect(isMigrated(pool, FOLDER)).rejects.toThrow('_prisma_migrations')
  })
})

describe('drift is seen', () => {
  it.each([
    ['a column by hand', 'ALTER TABLE tenants ADD COLUMN by_hand text', 'by_hand'],
    ['a column that is gone', 'ALTER TABLE api_keys DROP COLUMN last_used_at', 'last_used_at'],
    ['another type', 'ALTER TABLE usage_periods ALTER COLUMN verifications TYPE integer', 'verifications'],
    ['an index that is gone', 'DROP INDEX api_keys_hash_key', 'api_keys_hash_key'],
    ['a table by hand', 'CREATE TABLE by_hand (id int PRIMARY KEY)', 'by_hand'],
  ])('%s', async (_, sql, named) => {
    const { url, pool } = await migratedDatabase()
    await pool.query(sql)
    expect(await withEngine(url, (engine) => engine.drift())).toContain(named)
  })
})
