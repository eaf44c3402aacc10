import { Pool } from 'pg'
import { migrate } from '@/lib/adapters/postgres/migrate'

const MIGRATIONS = 'prisma/migrations'
const CONNECT_MS = 10_000

/** Applies the migrations that a database lacks, and gives their names. @throws with where it is, when that fails */
export async function applyMigrations(databaseUrl: string): Promise<string[]> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: CONNECT_MS })
  // A connection that breaks while idle is noticed by the next query.
  pool.on('error', () => undefined)
  try {
    return await migrate(pool, MIGRATIONS)
  } catch (error) {
    const { host, pathname } = new URL(databaseUrl)
    throw new Error(`The migrations were not applied to ${host}${pathname}: ${textOf(error)}`, { cause: error })
  } finally {
    await pool.end()
  }
}

/** One that has several causes, such as an address for each of IPv4 and IPv6, has no text of its own. */
function textOf(error: unknown): string {
  const causes = error instanceof AggregateError ? error.errors : [error]
  return causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join('; ')
}
