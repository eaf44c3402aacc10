import type { Pool } from 'pg'
import type { CallerRecord, CallerStore } from '@/lib/api-keys/caller-record'
import { isScope } from '@/lib/core/scopes'
import { orUnavailable, REQUEST_QUERY_TIMEOUT_MS } from './pool'

/** The overrides come as a list of (name, mode, value, end), for a key has few of them or none. */
const FIND = `
SELECT k.id AS key_id, k.name AS key_name, k.mode, k.scopes, k.expires_at, t.id AS tenant_id, t.name AS tenant_name,
       t.status, t.plan, t.period_start, t.period_end, t.wait_until, t.accepts_others,
       coalesce((SELECT json_agg(json_build_array(o.name, o.mode, o.value, o.ends_at) ORDER BY o.created_at DESC)
                 FROM limit_overrides o WHERE o.tenant_id = t.id AND o.removed_at IS NULL), '[]') AS overrides
FROM api_keys k JOIN tenants t ON t.id = k.tenant_id
WHERE k.hash = $1 AND k.revoked_at IS NULL`

const CHANGES = `
SELECT id AS key_id, NULL AS tenant_id FROM api_keys WHERE updated_at > clock_timestamp() - make_interval(secs => $1)
UNION ALL SELECT NULL, id FROM tenants WHERE updated_at > clock_timestamp() - make_interval(secs => $1)
UNION ALL SELECT NULL, tenant_id FROM limit_overrides WHERE updated_at > clock_timestamp() - make_interval(secs => $1)`

type Row = {
  key_id: CallerRecord['keyId']
  key_name: string
  mode: CallerRecord['mode']
  scopes: string[]
  expires_at: Date | null
  tenant_id: CallerRecord['tenantId']
  tenant_name: string
  status: CallerRecord['tenantStatus']
  plan: CallerRecord['plan']
  period_start: Date | null
  period_end: Date | null
  wait_until: CallerRecord['waitUntil']
  accepts_others: boolean
  overrides: [CallerRecord['overrides'][number]['name'], CallerRecord['mode'] | null, number | null, string | null][]
}

/** Reads whom a key belongs to, and what changed of late. */
export function createCallerStore(pool: Pool): CallerStore {
  return {
    async find(keyHash) {
      const { rows } = await orUnavailable(pool.query<Row>(query('find_caller', FIND, [keyHash])))
      return rows[0] ? toRecord(rows[0]) : null
    },
    async changes(seconds) {
      const { rows } = await pool.query<{ key_id: string | null; tenant_id: string | null }>(
        query('caller_changes', CHANGES, [seconds]),
      )
      return {
        keyIds: new Set(rows.map((row) => row.key_id).filter((id) => id !== null)),
        tenantIds: new Set(rows.map((row) => row.tenant_id).filter((id) => id !== null)),
      }
    },
  }
}

function query(name: string, text: string, values: unknown[]) {
  return { name, text, values, query_timeout: REQUEST_QUERY_TIMEOUT_MS }
}

function toRecord(row: Row): CallerRecord {
  return {
    keyId: row.key_id,
    keyName: row.key_name,
    mode: row.mode,
    scopes: new Set(row.scopes.filter(isScope)),
    expiresAt: row.expires_at,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    tenantStatus: row.status,
    plan: row.plan,
    periodStart: row.period_start,
    periodEnd: row.period_end,
    waitUntil: row.wait_until,
    acceptsOthers: row.accepts_others,
    overrides: row.overrides.map(([name, mode, value, endsAt]) => ({
      name,
      mode,
      value,
      endsAt: endsAt ? new Date(endsAt) : null,
    })),
  }
}
