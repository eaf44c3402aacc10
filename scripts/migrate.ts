// Applies the database migrations that DATABASE_URL lacks. Run it as: npm run migrate
import './env-file.mjs'
import { env } from '@/lib/env'
import { applyMigrations } from './cli/apply-migrations'

async function main(): Promise<void> {
  const { DATABASE_URL } = env()
  if (!DATABASE_URL) throw new Error('Set DATABASE_URL to the database that is to be migrated.')
  const applied = await applyMigrations(DATABASE_URL)
  for (const name of applied) process.stdout.write(`Applied ${name}\n`)
  if (applied.length === 0) process.stdout.write('The database has every migration: nothing was to be done.\n')
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
