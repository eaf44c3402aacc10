import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { inTransaction } from '@/lib/adapters/postgres/transaction'

const service = inject('service')
const TABLE = 'transactions_test'

let pool: Pool
beforeAll(async () => {
  pool = new Pool({ connectionString: service.databaseUrl, max: 3 })
  await pool.query(`CREATE TABLE ${TABLE} (name text)`)
})
afterAll(async () => {
  await pool.query(`DROP TABLE ${TABLE}`)
  await pool.end()
})

describe('a connection that ends between two statements of a transaction', () => {
  it('undoes what was written, fails the transaction, and ends no process', async () => {
    const run = inTransaction(pool, async (client) => {
      await client.query(`INSERT INTO ${TABLE} VALUES ('lost')`)
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const ended = new Promise((resolve) => client.once('end', resolve))
      await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid])
      await ended
      await client.query(`INSERT INTO ${TABLE} VALUES ('never')`)
    })
    await expect(run).rejects.toThrow()
    expect((await pool.query(`SELECT name FROM ${TABLE}`)).rows).toEqual([])
    expect(await inTransaction(pool, async (client) => (await client.query('SELECT 1')).rowCount)).toBe(1)
  })

  it('is what whoever stands still in the middle of one finds after 5 s, for others wait for his rows', async () => {
    const limit = await inTransaction(pool, async (client) => {
      const { rows } = await client.query<{ limit: string }>(
        `SELECT current_setting('idle_in_transaction_session_timeout') AS limit`,
      )
      return rows[0]?.limit
    })
    expect(limit).toBe('5s')
  })
})
