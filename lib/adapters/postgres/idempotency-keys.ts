import type { Pool } from 'pg'

/** A key binds its tenant for 24 hours; these bind nobody any more. What they granted stands on its settlement. */
export async function dropOldIdempotencyKeys(pool: Pool): Promise<void> {
  await pool.query(`DELETE FROM idempotency_keys WHERE created_at < now() - interval '2 days'`)
}
