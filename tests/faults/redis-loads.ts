import { setTimeout as sleep } from 'node:timers/promises'
import { MINUTE_MS } from '@/lib/core/clock'
import { type Load, type Sample, startLoad } from '@/tests/support/open-loop'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'
import type { VerifyAnswer, VerifyClient } from '@/tests/support/verify-client'
import { countWritten } from './count-written'
import type { Stage } from './stage'

/** Requests a second: of a tenant far from its limit, of one whose limit is met, of one whose quota comes to its end. */
export const RATES = { roomy: 40, tight: 15, quota: 15 }
export const TIGHT_PER_MINUTE = 30
const QUOTA_PATIENCE_MS = 10_000

/** One process after the other. */
export function inTurn(clients: readonly VerifyClient[], index: number): VerifyClient {
  return clients[index % clients.length] as VerifyClient
}

type Tenants = Record<keyof typeof RATES, TestTenant>

/** The three of whom the loads are. */
export async function createTenants({ databaseUrl }: Stage, quotaLimit: number): Promise<Tenants> {
  const none = { minute: null, hour: null, month: null }
  const [roomy, tight, quota] = await Promise.all([
    createTenantWithKey(databaseUrl, { limits: { minute: 100_000, hour: 1_000_000, month: 10_000_000 } }),
    createTenantWithKey(databaseUrl, { limits: { ...none, minute: TIGHT_PER_MINUTE } }),
    createTenantWithKey(databaseUrl, { plan: 'free', limits: { ...none, month: quotaLimit } }),
  ])
  return { roomy, tight, quota }
}

type Loads = Record<keyof Tenants, Load<VerifyAnswer>>
export type Samples = Record<keyof Tenants, Sample<VerifyAnswer>[]>

/** Every tenant calls all processes in turn. */
export function startLoads({ payments }: Stage, clients: readonly VerifyClient[], tenants: Tenants): Loads {
  const start = (name: keyof Tenants) =>
    startLoad(RATES[name], (index) => inTurn(clients, index).verify(tenants[name].key, payments.valid().body))
  return { roomy: start('roomy'), tight: start('tight'), quota: start('quota') }
}

/** Sends no more of any, and gives what all were answered. */
export async function endLoads({ roomy, tight, quota }: Loads): Promise<Samples> {
  const [ofRoomy, ofTight, ofQuota] = await Promise.all([roomy.end(), tight.end(), quota.end()])
  return { roomy: ofRoomy, tight: ofTight, quota: ofQuota }
}

/** How many got their verdict. */
export const passed = (samples: readonly Sample<VerifyAnswer>[]) =>
  samples.filter(({ answer }) => answer.status === 200).length

/** What was answered that nobody should be: neither a verdict of valid nor a limit. */
export function failuresOf(samples: readonly Sample<VerifyAnswer>[]): string[] {
  const failures = samples.filter(({ answer }) => isFailure(answer))
  return [...new Set(failures.map(({ answer }) => `${answer.status} ${answer.code ?? answer.reason}`))]
}

const isFailure = ({ status, isValid }: VerifyAnswer) => (status === 200 ? isValid === false : status !== 429)

/** Waits until the tenant's quota is used up, and a second more for what may still slip through. */
export async function quotaEnded({ soFar }: Load<VerifyAnswer>): Promise<void> {
  const deadline = Date.now() + QUOTA_PATIENCE_MS
  while (soFar.at(-1)?.answer.status !== 429 && Date.now() < deadline) await sleep(50)
  await sleep(1_000)
}

/** The most that was let through in one minute of the clock. */
export function mostInAMinute(samples: readonly Sample<VerifyAnswer>[]): number {
  const minutes = new Map<number, number>()
  for (const { sentAt, answer } of samples) {
    const minute = Math.floor(sentAt / MINUTE_MS)
    if (answer.status === 200) minutes.set(minute, (minutes.get(minute) ?? 0) + 1)
  }
  return Math.max(0, ...minutes.values())
}

/** What Postgres has of a tenant, once it has all the verdicts or the writer has had its time. */
export async function written({ databaseUrl }: Stage, { tenantId }: TestTenant, verdicts: number) {
  const deadline = Date.now() + 3_000
  for (;;) {
    const counts = await countWritten(databaseUrl, tenantId)
    if (counts.rows >= verdicts || Date.now() > deadline) return counts
    await sleep(50)
  }
}
