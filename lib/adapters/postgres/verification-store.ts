import type { Pool, QueryResult, QueryResultRow } from 'pg'
import type { VerificationRow, VerificationStore } from '@/lib/verifications/verification-store'
import { orUnavailable, requestQuery } from './pool'

const COLUMNS = `at, id, mode, key_id, request_id, outcome, reason, x402_version, network, asset, payer, pay_to,
  amount::text, nonce, resource, block::text, duration_us`

/** Reads the log. Every query names tenant, mode and a span of time, so it meets one index and few partitions. */
export function createVerificationStore(pool: Pool): VerificationStore {
  const run = <Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> =>
    orUnavailable(pool.query<Row>(text, values))

  return {
    async list({ tenantId, mode }, { filters, fromMs, toMs, before, limit }) {
      const values: unknown[] = [tenantId, mode, new Date(fromMs), new Date(toMs)]
      const where = ['tenant_id = $1', 'mode = $2', 'at >= $3', 'at < $4']
      const bind = (value: unknown) => `$${values.push(value)}`
      for (const [column, value] of Object.entries(filters)) {
        if (value !== undefined) where.push(`${FILTER_COLUMNS[column as keyof typeof FILTER_COLUMNS]} = ${bind(value)}`)
      }
      if (before) where.push(`(at, id) < (${bind(new Date(before.atMs))}, ${bind(before.id)})`)
      const { rows } = await run<VerificationRow>(
        `SELECT ${COLUMNS} FROM verifications WHERE ${where.join(' AND ')} ORDER BY at DESC, id DESC LIMIT ${bind(limit)}`,
        values,
      )
      return rows
    },

    async seenUnused({ tenantId, mode }, { network, asset, payer, payTo, amount, nonce }) {
      const values = [tenantId, mode, payer, nonce, network, asset, payTo, amount.toString()]
      const query = requestQuery<{ block: string; request: string }>(pool, SEEN_UNUSED, values)
      const { rows } = await orUnavailable(query)
      return rows.map(({ block, request }) => ({ block: BigInt(block), request }))
    },

    async find({ tenantId, mode }, id, atMs) {
      const at = new Date(atMs)
      const { rows } = await run<VerificationRow & { request: string }>(
        `SELECT ${COLUMNS}, request::text FROM verifications WHERE tenant_id = $1 AND mode = $2 AND at = $3 AND id = $4`,
        [tenantId, mode, at, id],
      )
      return rows[0] ?? null
    },
  }
}

const SEEN_UNUSED = `SELECT block::text, request::text FROM verifications WHERE tenant_id = $1 AND mode = $2 AND payer = $3
  AND at > now() - interval '1 day' AND outcome = 'valid' AND nonce = $4 AND network = $5 AND asset = $6 AND pay_to = $7
  AND amount = $8::numeric AND block IS NOT NULL ORDER BY at DESC LIMIT 10`

const FILTER_COLUMNS = { network: 'network', outcome: 'outcome', reason: 'reason', payer: 'payer', keyId: 'key_id' }
