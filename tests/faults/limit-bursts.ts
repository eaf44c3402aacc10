import { setTimeout as sleep } from 'node:timers/promises'
import { magicBody } from '@/tests/support/magic'
import { preciseNow } from '@/tests/support/open-loop'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'
import type { VerifyClient } from '@/tests/support/verify-client'

type Burst = { at: number; allowed: number }

/** What a tenant of a burst may send in an hour: a window without an edge in the run. */
export const BURST_LIMIT = 10
const SENT_TO_EACH = BURST_LIMIT + 5
const EVERY_MS = 300
const BODY = JSON.stringify(magicBody('valid'))

/** Tenants whose windows are empty: what a burst of one is allowed says at once whether counts are shared. */
export function createBurstTenants(databaseUrl: string, count: number): Promise<TestTenant[]> {
  const limits = { minute: null, hour: BURST_LIMIT, month: null }
  return Promise.all(Array.from({ length: count }, () => createTenantWithKey(databaseUrl, { limits })))
}

/** More than the limit to every process at once. */
export async function sendBurst(clients: readonly VerifyClient[], { key }: TestTenant): Promise<Burst> {
  const at = preciseNow()
  const sent = clients.flatMap((client) => Array.from({ length: SENT_TO_EACH }, () => client.verify(key, BODY)))
  const answers = await Promise.all(sent)
  return { at, allowed: answers.filter(({ status }) => status === 200).length }
}

/** One burst after the other, each of another tenant. */
export async function sendBursts(clients: readonly VerifyClient[], tenants: readonly TestTenant[]): Promise<Burst[]> {
  const bursts: Burst[] = []
  for (const tenant of tenants) {
    bursts.push(await sendBurst(clients, tenant))
    await sleep(EVERY_MS)
  }
  return bursts
}

/** Sends bursts until one is exact, for a process that has just started may be slow once; gives the last. */
export async function sendUntilExact(clients: readonly VerifyClient[], tenants: readonly TestTenant[]): Promise<Burst> {
  let last: Burst = { at: 0, allowed: 0 }
  for (const tenant of tenants) {
    last = await sendBurst(clients, tenant)
    if (last.allowed === BURST_LIMIT) break
    await sleep(EVERY_MS)
  }
  return last
}

/** Milliseconds after a moment of the first of two bursts in a row that were allowed their limit and no more, or null. */
export function exactFrom(bursts: readonly Burst[], moment: number): number | null {
  const isExact = (burst: Burst | undefined) => burst?.allowed === BURST_LIMIT
  const first = bursts.find((burst, index) => isExact(burst) && isExact(bursts[index + 1]))
  return first ? Math.round(first.at - moment) : null
}
