import type { Pool, PoolClient } from 'pg'

/**
 * A process that stands still in the middle of a transaction keeps others from its rows for no longer than this: then
 * the server undoes it.
 */
const BEGIN = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'`

/** Runs statements as one transaction: all of them, or none. */
export async function inTransaction<T>(pool: Pool, run: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  const onBroken = (error: Error) => {
    broken = error
  }
  // A connection that breaks between two statements tells nobody else; without a listener it would end the process.
  client.on('error', onBroken)
  try {
    await client.query(BEGIN)
    const result = await run(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((cause: Error) => {
      broken = cause
    })
    throw error
  } finally {
    client.off('error', onBroken)
    // A connection that could not even roll back is not given to anybody else.
    client.release(broken)
  }
}
