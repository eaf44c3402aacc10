import { Pool, type QueryResultRow } from 'pg'

/** One query on a database, on a connection of its own. */
export async function queryDatabase<Row extends QueryResultRow>(
  databaseUrl: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const pool = new Pool({ connectionString: databaseUrl, max: 1 })
  try {
    const { rows } = await pool.query<Row>(text, values)
    return rows
  } finally {
    await pool.end()
  }
}
