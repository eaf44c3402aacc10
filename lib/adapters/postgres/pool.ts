import { Pool, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg'
import { AppError } from '@/lib/core/errors'

export type PostgresOptions = { connectionString: string; poolSize: number }

/** Milliseconds that a request waits for one of its queries. */
export const REQUEST_QUERY_TIMEOUT_MS = 2_000

/** The process's one pool; Prisma shares it. Every wait is bounded: a request must not hang behind a database. */
export function createPool({ connectionString, poolSize }: PostgresOptions): Pool {
  const pool = new Pool({
    connectionString,
    max: poolSize,
    connectionTimeoutMillis: 1_500,
    // A new connection costs the server tens of milliseconds, just when many come at once.
    idleTimeoutMillis: 60_000,
    query_timeout: 10_000,
    // The server gives up too, and does not work on for nobody.
    statement_timeout: 10_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    application_name: 'payproof',
  })
  // A connection that breaks while idle is replaced by the next query; without a listener it would end the process.
  pool.on('error', () => undefined)
  return pool
}

/** A query that somebody waits for who has little time. Whether a write that is given up was made is not known. */
export function requestQuery<Row extends QueryResultRow>(
  pool: Pool,
  text: string,
  values: unknown[] = [],
): Promise<QueryResult<Row>> {
  return pool.query<Row>({ text, values, query_timeout: REQUEST_QUERY_TIMEOUT_MS } as QueryConfig)
}

/** Runs a query of a request: when the database cannot be reached the caller is told so, and nothing else. */
export async function orUnavailable<T>(query: Promise<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    throw isConnectionError(error)
      ? new AppError('database_unavailable', { retryAfterSeconds: 2, cause: error })
      : error
  }
}

/** True when a query failed because of the connection or the server's state, so that the same query may succeed later. */
export function isConnectionError(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  if (code && /^[0-9A-Z]{5}$/.test(code)) return /^(08|28|3D|53|57P|58|25006|42501|55P03|40)/.test(code)
  return code !== undefined || /timeout|terminated|connection|not queryable/i.test(message ?? '')
}
