import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Pool } from 'pg'
import type { TenantId } from '@/lib/core/ids'
import { SCOPES } from '@/lib/core/scopes'
import { createAdmin } from '@/lib/create-admin'
import { LOCAL_CHAIN_ID, LOCAL_USDC, type RunningChain } from './chain'
import { DEV_PAYEE, DEV_PAYER, privateKeyOf } from './dev-accounts'
import { signPayment } from './sign-payment'

/** The facts of a running quickstart, for people and programs; kept in the data folder, written anew at every start. */
export type Quickstart = {
  url: string
  apiKey: string
  network: string
  rpcUrl: string
  asset: string
  payTo: string
  payerPrivateKey: string
  /** Until there is a dashboard to log in to. */
  login: null
}

const TENANT_NAME = 'Quickstart'
const OVERRIDES = { minute: 600_000, hour: 6_000_000, month: 100_000_000 } as const
const CURL_VALID_SECONDS = 24 * 60 * 60

type Input = { folder: string; url: string; databaseUrl: string; chain: RunningChain }

export async function writeQuickstart({ folder, url, databaseUrl, chain }: Input): Promise<Quickstart> {
  const quickstart: Quickstart = {
    url,
    apiKey: await demoKey(folder, databaseUrl),
    network: `eip155:${LOCAL_CHAIN_ID}`,
    rpcUrl: chain.url,
    asset: LOCAL_USDC,
    payTo: DEV_PAYEE.address,
    payerPrivateKey: privateKeyOf(DEV_PAYER),
    login: null,
  }
  await writeFile(fileOf(folder), `${JSON.stringify(quickstart, null, 2)}\n`, { mode: 0o600 })
  return quickstart
}

/** The service is not there any more; whoever looks for it must not find its facts. The key stays for the next start. */
export async function removeQuickstart(folder: string): Promise<void> {
  await rm(fileOf(folder), { force: true })
}

export async function printReady(url: string, quickstart: Quickstart | null): Promise<void> {
  process.stdout.write(`\nPayproof is ready at ${url}\n`)
  if (!quickstart) {
    process.stdout.write(
      'Make a tenant and a key: npm run tenants -- create --name … ; npm run keys -- create --tenant …\n',
    )
    return
  }
  await printCurl(quickstart)
}

async function printCurl({ url, apiKey, payTo }: Quickstart): Promise<void> {
  const validBefore = BigInt(Math.floor(Date.now() / 1000) + CURL_VALID_SECONDS)
  const body = JSON.stringify(await signPayment({ payer: DEV_PAYER, payTo, amount: 10_000n, validBefore }))
  const curl = (route: string) => `curl -s ${url}/api/v1/x402/${route} -H 'Authorization: Bearer ${apiKey}'`
  const post = (route: string) => `${curl(route)} -H 'Content-Type: application/json' -d '${body}'`
  process.stdout.write(
    `API key (test mode): ${apiKey}\n\nVerify a truly signed payment of 0.01 USDC:\n\n${post('verify')}\n\n` +
      `Settle it, which moves the money on the local chain:\n\n${post('settle')}\n\n` +
      `Then see both:\n\n${curl('verifications')}\n${curl('settlements')}\n\nCtrl-C stops everything.\n`,
  )
}

function fileOf(folder: string): string {
  return join(folder, 'quickstart.json')
}

/** The demo tenant's key: the one of the last start while it is good, otherwise a new one. */
async function demoKey(folder: string, databaseUrl: string): Promise<string> {
  const keyFile = join(folder, 'quickstart-key')
  const pool = new Pool({ connectionString: databaseUrl, max: 2 })
  // A connection that breaks while idle, as in a start that is cut short, is noticed by the next query.
  pool.on('error', () => undefined)
  const admin = createAdmin(pool)
  try {
    const tenants = await admin.listTenants()
    const tenant = tenants.find(({ name }) => name === TENANT_NAME)
    const kept = existsSync(keyFile) ? (await readFile(keyFile, 'utf8')).trim() : null
    if (
      tenant &&
      kept &&
      (await admin.listApiKeys(tenant.id)).some((key) => !key.revokedAt && kept.endsWith(key.lastFour))
    ) {
      return kept
    }
    const tenantId = tenant?.id ?? (await createDemoTenant(admin))
    const { key } = await admin.createApiKey({
      tenantId,
      mode: 'test',
      name: 'quickstart',
      scopes: SCOPES,
      expiresAt: null,
    })
    await writeFile(keyFile, key, { mode: 0o600 })
    return key
  } finally {
    await admin.close()
    await pool.end()
  }
}

async function createDemoTenant(admin: ReturnType<typeof createAdmin>): Promise<TenantId> {
  const { id } = await admin.createTenant({ name: TENANT_NAME, plan: 'pro' })
  for (const name of ['minute', 'hour', 'month'] as const) {
    const reason = 'the local quickstart is nobody’s production'
    await admin.overrideLimit(id, { name, mode: null, value: OVERRIDES[name], endsAt: null, reason })
  }
  return id
}
