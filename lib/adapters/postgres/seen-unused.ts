import type { Pool } from 'pg'
import type { Binding, SignedTransfer } from '@/lib/settlements/settlement'
import { orUnavailable, requestQuery } from './pool'

/** The newest block at which an earlier claim under these terms, released unsigned, saw the same payment unused. */
export async function seenUnusedByReleased(
  pool: Pool,
  { tenantId, mode, requirementsHash, network, asset, payer, payTo, amount, nonce }: Binding & SignedTransfer,
): Promise<bigint | null> {
  const values = [tenantId, mode, payer, nonce, network, asset, payTo, amount.toString(), requirementsHash]
  const { rows } = await orUnavailable(requestQuery<{ block: string }>(pool, SEEN, values))
  return rows[0] ? BigInt(rows[0].block) : null
}

const SEEN = `SELECT seen_unused_block::text AS block FROM settlements WHERE tenant_id = $1 AND mode = $2 AND payer = $3
  AND nonce = $4 AND network = $5 AND asset = $6 AND pay_to = $7 AND amount = $8::numeric
  AND requirements_hash = $9 AND released_at IS NOT NULL
  AND seen_unused_block > 0 AND created_at > now() - interval '1 day' ORDER BY seen_unused_block DESC LIMIT 1`
