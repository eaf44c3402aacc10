import '@/scripts/env-file.mjs'
import { Pool } from 'pg'
import { isAppError } from '@/lib/core/errors'
import { type Admin, createAdmin } from '@/lib/create-admin'
import { env } from '@/lib/env'
import { findLocalPostgres } from '@/scripts/local/postgres'

/** Runs a command on the database that is set, or on the one a running `npm start` brought along. */
export async function withAdmin(command: (admin: Admin) => Promise<void>): Promise<void> {
  const { DATABASE_URL, X402_DATA_DIR } = env()
  const url = DATABASE_URL ?? (await findLocalPostgres(X402_DATA_DIR))
  if (!url) fail('There is no database: set DATABASE_URL, or run "npm start" first and leave it running.')
  const pool = new Pool({ connectionString: url, max: 2 })
  const admin = createAdmin(pool)
  try {
    await command(admin)
  } catch (error) {
    fail(explain(error))
  } finally {
    await admin.close()
    await pool.end()
  }
}

/** Says what is wrong and how to call the command, and ends with 2. */
export function usage(text: string, problem?: string): never {
  if (problem) process.stderr.write(`${problem}\n\n`)
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

export function show(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function explain(error: unknown): string {
  if (!isAppError(error)) return error instanceof Error ? error.message : String(error)
  const problems = error.problems.map(({ param, message, fix }) => `${param} ${message}. ${fix}`)
  return problems.length > 0 ? problems.join('\n') : error.message
}
