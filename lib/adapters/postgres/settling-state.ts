import type { Pool } from 'pg'
import type { Hex } from '@/lib/core/hex'
import type { SettlingState } from '@/lib/settlements/readiness'
import type { NetworkReport } from '@/lib/settlements/settler-store'
import { requestQuery } from './pool'

type ReportRow = { network: string; age: string; unable: string | null; is_listed: boolean; report: NetworkReport }

/** What workers and operators have written of settling; ages by the database's clock. */
export async function readSettlingState(pool: Pool): Promise<SettlingState> {
  const [stops, reports, wallets] = await Promise.all([
    requestQuery<{ network: string; reason: string }>(pool, 'SELECT network, reason FROM payment_stops'),
    requestQuery<ReportRow>(pool, REPORTS),
    requestQuery<{ network: string; address: Hex }>(pool, 'SELECT network, address FROM wallets ORDER BY address'),
  ])
  const signers = new Map<string, Hex[]>()
  for (const { network, address } of wallets.rows) signers.set(network, [...(signers.get(network) ?? []), address])
  return {
    stops: new Map(stops.rows.map(({ network, reason }) => [network, reason])),
    networks: new Map(reports.rows.map((row) => [row.network, toState(row)])),
    signers,
  }
}

function toState({ age, unable, is_listed, report }: ReportRow) {
  return {
    ageSeconds: Number(age),
    isListed: is_listed,
    unableSeconds: unable === null ? null : Number(unable),
    report,
  }
}

const REPORTS = `SELECT network, EXTRACT(epoch FROM now() - reported_at)::text AS age,
  EXTRACT(epoch FROM now() - unable_since)::text AS unable, is_listed, report FROM network_reports`
