import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { lowerHex } from '@/lib/core/hex'
import type { TenantId } from '@/lib/core/ids'
import { hashOfTerms } from '@/lib/settlements/binding'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { type Answer, call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { insertSettlement, randomHex } from '@/tests/support/settlements'
import {
  AMPLE_GAS,
  broadcastsOf,
  callDataOf,
  newPayee,
  newPayer,
  type OwnService,
  SETTLER,
  settle,
  startOwnService,
} from '@/tests/support/settling'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

// A service of its own, which is stopped and starved.

let own: OwnService
/** A web process that an operator has started with the emergency stop. */
let stopped: RunningWeb
let key: string
let tenantId: TenantId

beforeAll(async () => {
  own = await startOwnService({ postgresUrl: inject('service').postgresUrl, blockSeconds: 0 })
  stopped = await startWeb({ ...own.options, env: { ...own.options.env, X402_PAYMENTS_DISABLED: 'true' } })
  ;({ key, tenantId } = await createTenantWithKey(own.databaseUrl))
})
afterAll(async () => {
  await stopped?.stop()
  await own?.stop()
})

type Body = Awaited<ReturnType<typeof buildPayment>>
const query = (text: string, values: unknown[] = []) => queryDatabase(own.databaseUrl, text, values)
const payment = (options: Parameters<typeof buildPayment>[0] = {}) => buildPayment({ payTo: newPayee(), ...options })
const settleOwn = (body: Body, at = own.web.base, as = key) => settle(at, as, body)
const rowsOf = async (body: Body) => {
  const { nonce } = body.paymentPayload.payload.authorization
  return (await call(`${own.web.base}/settlements?nonce=${nonce}`, { key })).body.data
}

/** What the web process knows of settling: it reads that every second. */
const seen = async () => (await call(`${own.web.base}/health`)).body.checks.networks['eip155:84532'].settlement
const untilSeen = (state: 'able' | 'problem' | 'stopped') =>
  vi.waitFor(async () => expect(await seen()).toBe(state), { timeout: 30_000, interval: 100 })

/** A refusal of ours, before the payment was touched. */
async function expectUntouched(answer: Answer, body: Body, [status, code]: readonly [number, string]): Promise<void> {
  expect(answer).toMatchObject({
    status,
    body: {
      success: false,
      errorReason: code,
      errorMessage: expect.stringContaining('Nothing was sent'),
      transaction: '',
      network: '',
      extra: { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' },
      error: { code, retryable: true },
    },
  })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await rowsOf(body)).toEqual([])
}

const PAUSED = [503, 'network_paused'] as const

describe('the emergency stop of the environment', () => {
  it('refuses a new payment, and nothing else: open and settled ones are answered, and /verify goes on', async () => {
    const settled = await payment()
    const { transaction } = (await settleOwn(settled)).body
    const [open, fresh] = [await payment(), await payment()]
    const before = await broadcastsOf(own.running.url)
    await expectUntouched(await settleOwn(fresh, stopped.base), fresh, PAUSED)
    expect(await broadcastsOf(own.running.url)).toBe(before)
    expect((await call(`${stopped.base}/verify`, { key, body: fresh })).body).toMatchObject({ isValid: true })
    expect((await settleOwn(settled, stopped.base)).body).toMatchObject({
      errorReason: 'duplicate_settlement',
      transaction,
    })
    const claimed = settleOwn(open)
    await vi.waitFor(async () => expect(await rowsOf(open)).toHaveLength(1), { timeout: 10_000, interval: 20 })
    const answers = await Promise.all([claimed, settleOwn(open, stopped.base)])
    expect(answers.filter(({ body }) => body.success === true)).toHaveLength(1)
  })

  it('answers what failed as it stands, and the same body is sent again in its row when it is over', async () => {
    const body = await payment()
    const { from, nonce, to, validBefore } = body.paymentPayload.payload.authorization
    const payer = lowerHex(from)
    const transactionHash = randomHex(32)
    const { id } = await insertSettlement(own.databaseUrl, {
      tenantId,
      payer,
      nonce,
      payTo: lowerHex(to),
      validBefore: BigInt(validBefore),
      callData: callDataOf(body),
      paymentKey: `${nonce}/${payer}/${lowerHex(LOCAL_USDC)}/eip155:84532`,
      requirementsHash: hashOfTerms(body.paymentRequirements),
      state: 'failed',
      reason: 'invalid_exact_evm_transaction_failed',
      message: 'It failed.',
      transactionHash,
    })
    const answer = await settleOwn(body, stopped.base)
    expect(answer).toMatchObject({
      status: 200,
      body: {
        success: false,
        errorReason: 'invalid_exact_evm_transaction_failed',
        transaction: transactionHash,
        extra: {
          paymentState: 'unused',
          retryable: true,
          retryAction: 'retry_same_payment',
          authorizationExpiresAt: new Date(Number(validBefore) * 1_000).toISOString(),
          settlementId: id,
        },
      },
    })
    expect((await settleOwn(body)).body).toMatchObject({ success: true, extra: { settlementId: id } })
    expect(await rowsOf(body)).toHaveLength(1)
  })
})

describe('the emergency stop of the database', () => {
  it.each(['eip155:84532', '*'])('refuses new payments while %s is stopped, and takes them again', async (network) => {
    const settled = await payment()
    expect((await settleOwn(settled)).body).toMatchObject({ success: true })
    await query(`INSERT INTO payment_stops (network, reason) VALUES ($1, 'a test')`, [network])
    try {
      await untilSeen('stopped')
      const fresh = await payment()
      await expectUntouched(await settleOwn(fresh), fresh, PAUSED)
      expect((await call(`${own.web.base}/verify`, { key, body: fresh })).body).toMatchObject({ isValid: true })
      expect((await settleOwn(settled)).body).toMatchObject({ errorReason: 'duplicate_settlement' })
      await query('DELETE FROM payment_stops')
      expect((await settleOwn(fresh)).body).toMatchObject({ success: true })
    } finally {
      await query('DELETE FROM payment_stops')
    }
  })

  it('of another network stops nothing here', async () => {
    await query(
      `INSERT INTO payment_stops (network, reason) VALUES ('eip155:8453', 'a test'), ('eip155:84532', 'a test')`,
    )
    try {
      // The one is seen when the other is.
      await untilSeen('stopped')
      await query(`DELETE FROM payment_stops WHERE network = 'eip155:84532'`)
      expect((await settleOwn(await payment())).body).toMatchObject({ success: true })
      expect(await query('SELECT network FROM payment_stops')).toEqual([{ network: 'eip155:8453' }])
    } finally {
      await query('DELETE FROM payment_stops')
    }
  })
})

describe('gas', () => {
  const spend = (scope: string, subject: string, wei: string) =>
    query(
      // Of this time and of the next, so that no turn of the hour gives it back.
      `INSERT INTO gas_spent (scope, subject, network, bucket, wei)
       SELECT $1, $2, 'eip155:84532', date_trunc($4, now() + step * ('1 ' || $4)::interval, 'UTC'), $3::numeric
       FROM generate_series(0, 1) AS step`,
      [scope, subject, wei, scope === 'wallet' ? 'hour' : 'day'],
    )
  const BUDGET = AMPLE_GAS.X402_GAS_BUDGET_TENANT_WEI
  const EXCEEDED = [429, 'gas_budget_exceeded'] as const

  it("of a tenant's day is used up: 429 in that mode, and other tenants settle", async () => {
    const { key: spentKey, tenantId: spentId } = await createTenantWithKey(own.databaseUrl)
    await spend('tenant', `${spentId}:test`, BUDGET)
    const body = await payment()
    await expectUntouched(await settleOwn(body, own.web.base, spentKey), body, EXCEEDED)
    expect((await settleOwn(body)).body).toMatchObject({ success: true })
    await spend('tenant', `${tenantId}:live`, BUDGET)
    expect((await settleOwn(await payment())).body).toMatchObject({ success: true })
  })

  it("of a payer's day is used up: 429 for whomever he pays, and others can pay", async () => {
    const payer = await newPayer(own.running.url)
    await spend('payer', payer.address.toLowerCase(), BUDGET)
    for (const body of [await payment({ payer }), await payment({ payer })]) {
      await expectUntouched(await settleOwn(body), body, EXCEEDED)
    }
    expect((await settleOwn(await payment())).body).toMatchObject({ success: true })
  })

  it('one wei under the budget is within it', async () => {
    const payer = await newPayer(own.running.url)
    await spend('payer', payer.address.toLowerCase(), (BigInt(BUDGET) - 1n).toString())
    expect((await settleOwn(await payment({ payer }))).body).toMatchObject({ success: true })
  })

  it('that was spent is counted for tenant, payer and wallet, to the wei of what the chain took', async () => {
    const { key: newKey, tenantId: newId } = await createTenantWithKey(own.databaseUrl)
    const payer = await newPayer(own.running.url)
    const { success, transaction } = (await settleOwn(await payment({ payer }), own.web.base, newKey)).body
    expect(success).toBe(true)
    const receipt = await own.running.chain.call<Record<'gasUsed' | 'effectiveGasPrice', string>>(
      'eth_getTransactionReceipt',
      [transaction],
    )
    const wei = (BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice)).toString()
    const spent = await query(
      'SELECT scope, sum(wei)::text AS wei FROM gas_spent WHERE subject = ANY($1) GROUP BY scope ORDER BY scope',
      [[`${newId}:test`, payer.address.toLowerCase()]],
    )
    expect(spent).toEqual([
      { scope: 'payer', wei },
      { scope: 'tenant', wei },
    ])
  })

  it('of every wallet’s hour is used up: 503, and the network goes on when there is some again', async () => {
    const wallet = SETTLER.address.toLowerCase()
    await query(`DELETE FROM gas_spent WHERE scope = 'wallet'`)
    await spend('wallet', wallet, AMPLE_GAS.X402_SPEND_CAP_WALLET_WEI)
    await untilSeen('problem')
    const before = await broadcastsOf(own.running.url)
    const body = await payment()
    await expectUntouched(await settleOwn(body), body, PAUSED)
    expect((await call(`${own.web.base}/verify`, { key, body })).body).toMatchObject({ isValid: true })
    expect(await broadcastsOf(own.running.url)).toBe(before)
    await query(`DELETE FROM gas_spent WHERE scope = 'wallet'`)
    await untilSeen('able')
    expect((await settleOwn(body)).body).toMatchObject({ success: true })
  })
})

describe('without a worker', () => {
  it('a payment is refused at once and not touched: 503 settlement_unavailable', async () => {
    const { base, databaseUrl } = inject('withoutWorker')
    const { key: lonely } = await createTenantWithKey(databaseUrl)
    const body = await payment()
    await expectUntouched(await settle(base, lonely, body), body, [503, 'settlement_unavailable'])
    expect((await call(`${base}/verify`, { key: lonely, body })).body).toMatchObject({ isValid: true })
  })
})
