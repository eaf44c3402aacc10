import type { Address } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { deployToken, mint } from '@/scripts/local/usdc'
import { type Answer, call } from '@/tests/support/api'
import { buildPayment, type PaymentOptions } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { broadcastsOf, newPayee, type OwnService, settle, startOwnService } from '@/tests/support/settling'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'

// A local chain that stands in for Base, a mainnet, with Circle's token at its address there.

const CHAIN_ID = 8_453
const NETWORK = `eip155:${CHAIN_ID}`
const USDC: Address = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913'
const NAME = 'USD Coin'
const STARTER_SETTLEMENTS = 5_000

const payer = privateKeyToAccount(generatePrivateKey())
const poor = privateKeyToAccount(generatePrivateKey())
let own: OwnService

beforeAll(async () => {
  own = await startOwnService({
    postgresUrl: inject('service').postgresUrl,
    blockSeconds: 0,
    network: {
      chainId: CHAIN_ID,
      async prepare({ chain }) {
        const owner = TOKEN_OWNER.address
        await deployToken(chain, { address: USDC, name: NAME, symbol: 'USDC', currency: 'USD' }, owner)
        await mint(chain, USDC, owner, payer.address, 1_000_000_000n)
        // Last: anvil signs for its accounts with the number it was started with.
        await chain.call('anvil_setChainId', [CHAIN_ID])
      },
    },
  })
})
afterAll(() => own?.stop())

async function payment({ requirements, ...options }: PaymentOptions = {}) {
  const isV1 = options.x402Version === 1
  const network = isV1 ? 'base' : NETWORK
  const body = await buildPayment({
    payer,
    payTo: newPayee(),
    ...options,
    domain: { name: NAME, chainId: CHAIN_ID, verifyingContract: USDC },
    requirements: { network, asset: USDC, extra: { name: NAME, version: '2' }, ...requirements },
  })
  if (isV1) body.paymentPayload['network'] = network
  return body
}

type Body = Awaited<ReturnType<typeof payment>>
const tenant = (plan: 'free' | 'starter' | 'pro') => createTenantWithKey(own.databaseUrl, { mode: 'live', plan })
const settleLive = ({ key }: TestTenant, body: Body): Promise<Answer> => settle(own.web.base, key, body)
const rowsOf = async ({ key }: TestTenant, body: Body) => {
  const { nonce } = body.paymentPayload.payload.authorization
  return (await call(`${own.web.base}/settlements?nonce=${nonce}`, { key })).body.data
}

/** Settlements of the period that a tenant is charged with. */
async function charged({ tenantId }: TestTenant): Promise<number> {
  const text = 'SELECT settlements::int AS count FROM usage_periods WHERE tenant_id = $1 AND mode = $2'
  return (await queryDatabase<{ count: number }>(own.databaseUrl, text, [tenantId, 'live']))[0]?.count ?? 0
}

async function setCharged({ tenantId }: TestTenant, count: number): Promise<void> {
  const text = `INSERT INTO usage_periods AS period (tenant_id, mode, period_start, verifications, settlements)
    VALUES ($1, 'live', date_trunc('month', now(), 'UTC'), 0, $2)
    ON CONFLICT (tenant_id, mode, period_start) DO UPDATE SET settlements = $2`
  await queryDatabase(own.databaseUrl, text, [tenantId, count])
}

describe('a live settlement', () => {
  it.each([1, 2] as const)('of v%i is made, and counts as one', async (x402Version) => {
    const pro = await tenant('pro')
    const body = await payment({ x402Version })
    expect((await settleLive(pro, body)).body).toMatchObject({
      success: true,
      network: x402Version === 1 ? 'base' : NETWORK,
    })
    expect(await charged(pro)).toBe(1)
  })

  it('counts once, however often it is asked for', async () => {
    const pro = await tenant('pro')
    const body = await payment()
    const answers = await Promise.all(Array.from({ length: 20 }, () => settleLive(pro, body)))
    expect(answers.filter(({ body: { success } }) => success === true)).toHaveLength(1)
    expect((await settleLive(pro, body)).body.errorReason).toBe('duplicate_settlement')
    expect(await charged(pro)).toBe(1)
  })

  it('that is refused counts as nothing', async () => {
    const pro = await tenant('pro')
    expect((await settleLive(pro, await payment({ payer: poor }))).body).toMatchObject({ success: false })
    const { signature } = (await payment()).paymentPayload.payload
    expect((await settleLive(pro, await payment({ signature }))).body).toMatchObject({ success: false })
    expect(await charged(pro)).toBe(0)
  })
})

describe('the settlements of a plan', () => {
  async function expectOverQuota(who: TestTenant, body: Body): Promise<void> {
    const before = await broadcastsOf(own.running.url)
    const answer = await settleLive(who, body)
    expect(answer).toMatchObject({
      status: 429,
      body: {
        success: false,
        errorReason: 'quota_exceeded',
        errorMessage: expect.stringContaining('Nothing was sent'),
        transaction: '',
        network: '',
        extra: { paymentState: 'unused', retryable: false, retryAction: 'abandon' },
        error: { code: 'quota_exceeded', retryable: false },
      },
    })
    expect(await rowsOf(who, body)).toEqual([])
    expect(await broadcastsOf(own.running.url)).toBe(before)
  }

  it('free are none: it settles in test mode only, and may verify', async () => {
    const free = await tenant('free')
    const body = await payment()
    await expectOverQuota(free, body)
    expect((await call(`${own.web.base}/verify`, { key: free.key, body })).body).toMatchObject({ isValid: true })
    expect(await charged(free)).toBe(0)
  })

  it('end with the last one; what was settled before is still answered', async () => {
    const starter = await tenant('starter')
    await setCharged(starter, STARTER_SETTLEMENTS - 1)
    const last = await payment()
    expect((await settleLive(starter, last)).body).toMatchObject({ success: true })
    const beyond = await payment()
    await expectOverQuota(starter, beyond)
    expect((await settleLive(starter, last)).body).toMatchObject({ errorReason: 'duplicate_settlement' })
    expect(await charged(starter)).toBe(STARTER_SETTLEMENTS)
    await setCharged(starter, STARTER_SETTLEMENTS - 1)
    expect((await settleLive(starter, beyond)).body).toMatchObject({ success: true })
  })

  it('cannot be overdrawn by requests that come at once', async () => {
    const starter = await tenant('starter')
    await setCharged(starter, STARTER_SETTLEMENTS - 2)
    const bodies = await Promise.all(Array.from({ length: 8 }, () => payment()))
    const answers = await Promise.all(bodies.map((body) => settleLive(starter, body)))
    expect(answers.filter(({ status, body }) => status === 200 && body.success === true)).toHaveLength(2)
    expect(answers.filter(({ status, body }) => status === 429 && body.errorReason === 'quota_exceeded')).toHaveLength(
      6,
    )
    expect(await charged(starter)).toBe(STARTER_SETTLEMENTS)
  })
})

describe('live mode', () => {
  it('refuses less than the least amount, by /settle as by /verify, and keeps the attempt', async () => {
    const pro = await tenant('pro')
    const body = await payment({ amount: '999' })
    const before = await broadcastsOf(own.running.url)
    const reason = 'amount_below_minimum'
    expect((await settleLive(pro, body)).body).toMatchObject({ success: false, errorReason: reason, transaction: '' })
    expect((await call(`${own.web.base}/verify`, { key: pro.key, body })).body).toMatchObject({ invalidReason: reason })
    expect(await rowsOf(pro, body)).toMatchObject([{ state: 'failed', released: true, reason }])
    expect(await broadcastsOf(own.running.url)).toBe(before)
    expect((await settleLive(pro, await payment({ amount: '1000' }))).body).toMatchObject({ success: true })
  })

  it('knows no magic payers: their signature is what it is', async () => {
    const pro = await tenant('pro')
    for (const from of Object.keys(MAGIC_PAYERS) as Address[]) {
      const { success, errorReason } = (await settleLive(pro, await payment({ authorization: { from } }))).body
      expect([success, errorReason]).toEqual([false, 'invalid_exact_evm_signature'])
    }
  })

  it('is closed to a test key: 403, also where the same tenant has both', async () => {
    const { key } = await createTenantWithKey(own.databaseUrl)
    const answer = await settle(own.web.base, key, await payment())
    expect(answer).toMatchObject({ status: 403, body: { success: false, errorReason: 'mode_mismatch' } })
  })

  it('moves the very money that was signed for', async () => {
    const payTo = newPayee()
    const { transaction } = (await settleLive(await tenant('pro'), await payment({ payTo, amount: '1234' }))).body
    const receipt = await own.running.chain.call<{ status: string; logs: { topics: string[]; data: string }[] }>(
      'eth_getTransactionReceipt',
      [transaction],
    )
    expect(receipt.status).toBe('0x1')
    const paid = receipt.logs.filter(({ topics }) => topics[2]?.endsWith(payTo.slice(2).toLowerCase()))
    expect(paid.map(({ data }) => BigInt(data))).toEqual([1_234n])
  })
})
