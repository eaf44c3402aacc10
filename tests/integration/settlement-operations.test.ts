import { execFile } from 'node:child_process'
import { toHex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { HealthAnswer, UsageAnswer } from '@/lib/contracts/answers'
import { calendarMonth } from '@/lib/core/clock'
import { lowerHex } from '@/lib/core/hex'
import { NETWORKS } from '@/lib/networks/networks'
import { connectLocalChain } from '@/scripts/local/chain-rpc'
import type { Running } from '@/scripts/local/processes'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { createDatabase, type RunningWeb, startWeb, startWorker } from '@/tests/support/stack'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'

const service = inject('service')
const NETWORK = 'eip155:84532'
/** A wallet of this test's own: two databases that use one wallet would not know of each other's nonces. */
const SIGNER_KEY = generatePrivateKey()
const WALLET = lowerHex(privateKeyToAddress(SIGNER_KEY))
const PATIENCE = { timeout: 20_000, interval: 200 }

let databaseUrl: string
let web: RunningWeb
let worker: Running | null = null
let tenant: TestTenant

// A database of its own: a stop of payments would stop those of other tests.
beforeAll(async () => {
  databaseUrl = await createDatabase(service.postgresUrl)
  tenant = await createTenantWithKey(databaseUrl)
  await connectLocalChain(service.rpcUrl).call('anvil_setBalance', [WALLET, toHex(10n ** 19n)])
  web = await startWeb({ databaseUrl, rpcUrls: { 84532: service.rpcUrl } })
})
afterAll(async () => {
  await worker?.stop()
  await web.stop()
})

async function health() {
  const { status, body } = await call(`${web.base}/health`)
  const answer = HealthAnswer.parse(body)
  return { ...answer.checks.networks[NETWORK], http: status, status: answer.status }
}

const settle = (body: unknown) => call(`${web.base}/settle`, { key: tenant.key, body })

type Ended = { code: number; stdout: string; stderr: string }

/** Runs the command as `npm run stop-payments -- …` does. */
function stopPayments(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], NODE_ENV: 'production' as const, DATABASE_URL: databaseUrl }
    execFile(
      process.execPath,
      ['--import', 'tsx', 'scripts/stop-payments.ts', ...args],
      { env },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

describe('health', () => {
  it('of a deployment of which no worker was ever heard says so, and is healthy', async () => {
    expect(await health()).toEqual({ http: 200, status: 'healthy', settlement: 'no_worker' })
  })

  it('shows each wallet’s gas and runway, the queue and what is open, as soon as a worker reports', async () => {
    worker = await startWorker({
      databaseUrl,
      rpcUrls: { 84532: service.rpcUrl },
      env: { X402_SIGNER_KEYS: SIGNER_KEY, X402_LOW_BALANCE_SETTLEMENTS: '1000000' },
    })
    await expect.poll(async () => (await health()).settlement, PATIENCE).toBe('able')
    const { settling, ...rest } = await health()
    expect(rest).toMatchObject({ http: 200, status: 'healthy' })
    expect(settling).toMatchObject({
      problem: null,
      wallets: [{ address: WALLET, stuckNonces: [] }],
      queue: { waiting: 0 },
      openTransactions: { count: 0 },
    })
    const [wallet] = settling?.wallets ?? []
    expect(BigInt(wallet?.balanceWei ?? 0)).toBe(10n ** 19n)
    expect(wallet?.settlementsLeft).toBeGreaterThan(0)
    // By the line that was configured, and by nothing else.
    expect(wallet?.isLow).toBe((wallet?.settlementsLeft ?? 0) < 1_000_000)
  })

  it('and names what has been open for a minute with a wallet whose key no worker has', async () => {
    const open = `INSERT INTO chain_transactions (id, network, wallet, nonce, state, created_at)
      VALUES ($1, 'eip155:84532', '0xgone', $2, 'open', now() - $3::int * interval '1 second')`
    await queryDatabase(databaseUrl, open, ['txn_old', 7, 61])
    await queryDatabase(databaseUrl, open, ['txn_new', 8, 0])
    await expect.poll(async () => (await health()).settling?.unattended, PATIENCE).toEqual(['0xgone:7'])
    await queryDatabase(databaseUrl, "DELETE FROM chain_transactions WHERE wallet = '0xgone'")
    await expect.poll(async () => (await health()).settling?.unattended, PATIENCE).toEqual([])
  })
})

describe('the emergency stop', () => {
  it('refuses new settlements within seconds; verification and what was taken before go on, until it is resumed', async () => {
    const before = await buildPayment()
    await expect.poll(async () => (await settle(before)).body.success, PATIENCE).toBe(true)

    const stopped = await stopPayments('--network', 'all', '--reason', 'an incident')
    expect([stopped.code, JSON.parse(stopped.stdout)]).toEqual([
      0,
      { network: '*', reason: 'an incident', stoppedAt: expect.any(String) },
    ])
    await expect.poll(async () => (await health()).settlement, PATIENCE).toBe('stopped')
    expect(await health()).toMatchObject({ http: 200, status: 'degraded' })

    const payment = await buildPayment()
    const refused = await settle(payment)
    expect([refused.status, refused.body.error.code, refused.body.success]).toEqual([503, 'network_paused', false])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await call(`${web.base}/verify`, { key: tenant.key, body: payment })).body.isValid).toBe(true)
    expect((await settle(before)).body).toMatchObject({ success: false, errorReason: 'duplicate_settlement' })

    const list = JSON.parse((await stopPayments('--list')).stdout)
    expect(list).toMatchObject([{ network: '*', reason: 'an incident' }])
    expect(JSON.stringify(await call(`${web.base}/health`))).not.toContain('an incident')

    const resumed = await stopPayments('--network', 'all', '--resume')
    expect([resumed.code, JSON.parse(resumed.stdout)]).toEqual([0, { stillStopped: [] }])
    expect((await settle(payment)).body.success).toBe(true)
  })

  it('of one network that is repeated keeps its time and takes the new reason', async () => {
    const first = JSON.parse((await stopPayments('--network', 'eip155:1', '--reason', 'gas')).stdout)
    const again = JSON.parse((await stopPayments('--network', 'eip155:1', '--reason', 'gas, still')).stdout)
    expect(again).toEqual({ ...first, reason: 'gas, still' })
    expect((await stopPayments('--network', 'eip155:1', '--resume')).code).toBe(0)
    const { code, stderr } = await stopPayments('--network', 'eip155:1', '--resume')
    expect([code, stderr]).toEqual([1, expect.stringContaining('network is not stopped')])
  })

  it('of an unknown network is refused with the list', async () => {
    const { code, stderr } = await stopPayments('--network', 'base', '--reason', 'why')
    expect(code).toBe(1)
    for (const { id } of NETWORKS) expect(stderr).toContain(id)
  })

  it.each([
    ['without a reason', ['--network', 'all'], '--reason is missing.'],
    ['without a network', ['--reason', 'why'], '--network is missing.'],
    ['with a reason to resume', ['--network', 'all', '--resume', '--reason', 'x'], '--resume needs none'],
    ['with an option nobody knows', ['--all'], "Unknown option '--all'"],
  ])('%s is refused, with how it is called', async (_, args, problem) => {
    const { code, stderr } = await stopPayments(...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
    expect(stderr).toContain('npm run stop-payments')
  })
})

describe('GET /usage', () => {
  it('shows a live key the month’s settlements against the plan, and a test key none', async () => {
    const live = await createTenantWithKey(databaseUrl, { plan: 'starter', mode: 'live' })
    const used = () => call(`${web.base}/usage`, { key: live.key }).then(({ body }) => UsageAnswer.parse(body))
    expect((await used()).settlements).toEqual({ used: 0, limit: 5_000, remaining: 5_000, usedPercent: 0 })
    await queryDatabase(
      databaseUrl,
      `INSERT INTO usage_periods (tenant_id, mode, period_start, verifications, settlements) VALUES ($1, 'live', $2, 7, 1250)`,
      [live.tenantId, calendarMonth(Date.now()).start],
    )
    const { settlements, verifications } = await used()
    expect(settlements).toEqual({ used: 1_250, limit: 5_000, remaining: 3_750, usedPercent: 25 })
    expect(verifications.used).toBe(7)
    const { body } = await call(`${web.base}/usage`, { key: tenant.key })
    expect(body.settlements).toBeNull()
  })
})
