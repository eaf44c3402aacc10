import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { StaleRow, StaleStore } from '@/lib/settlements/list-stale'
import { orUnavailable } from './pool'

/** Finds authorizations without an outcome. */
export function createStaleStore(pool: Pool): StaleStore {
  return {
    async stale(network, olderThan, aliveAtSeconds, afterId) {
      const values = [network, olderThan, aliveAtSeconds, afterId]
      return (await orUnavailable(pool.query<StaleText>(STALE, values))).rows.map(toStale)
    },
  }
}

const STALE = `SELECT id, tenant_id, network, state, reason, payer, pay_to, asset, amount::text, valid_before::text,
  transaction_hash, created_at FROM settlements
  WHERE network = $1 AND NOT is_magic AND created_at < $2 AND id > $4 AND (state IN ('queued', 'broadcast', 'reorged')
    OR (state = 'failed' AND released_at IS NULL AND valid_before > $3::numeric))
  ORDER BY id LIMIT 1000`

type StaleText = Omit<StaleRow, 'tenantId' | 'payTo' | 'amount' | 'validBefore' | 'transactionHash' | 'createdAt'> & {
  tenant_id: string
  pay_to: Hex
  amount: string
  valid_before: string
  transaction_hash: Hex | null
  created_at: Date
}

function toStale({
  tenant_id,
  pay_to,
  amount,
  valid_before,
  transaction_hash,
  created_at,
  ...row
}: StaleText): StaleRow {
  return {
    ...row,
    tenantId: tenant_id,
    payTo: pay_to,
    amount: BigInt(amount),
    validBefore: BigInt(valid_before),
    transactionHash: transaction_hash,
    createdAt: created_at,
  }
}
