import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { SettleResponse } from '@/lib/contracts/x402'
import { LOCAL_CHAIN_ID } from '@/scripts/local/chain'
import { fromOwnAddress } from '@/tests/support/addresses'
import { type Answer, call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { AMPLE_GAS, balanceOf, newPayee, newPayer, settle } from '@/tests/support/settling'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl, redisUrl, rpcUrl } = inject('service')
const { key } = await createTenantWithKey(databaseUrl)
const payer = await newPayer(rpcUrl, 1_000_000_000n)

let second: RunningWeb
beforeAll(async () => {
  second = await startWeb({ databaseUrl, redisUrl, rpcUrls: { [LOCAL_CHAIN_ID]: rpcUrl }, env: AMPLE_GAS })
})
afterAll(() => second.stop())

const HASH = /^0x[0-9a-f]{64}$/
const SETTLED = { paymentState: 'settled', retryable: false, retryAction: 'abandon' }
const IDS = { settlementId: expect.stringMatching(/^set_/), statusUrl: expect.stringContaining('/settlements/set_') }

/** A payment to somebody nobody else pays, so that his balance tells what was moved. */
async function newPayment(options: Parameters<typeof buildPayment>[0] = {}) {
  const payTo = newPayee()
  return { payTo, body: await buildPayment({ payer, payTo, ...options }) }
}

describe.concurrent('a payment that was never verified', () => {
  it.each([
    [1, 'base-sepolia'],
    [2, 'eip155:84532'],
  ] as const)('is settled, and answered in the shape of v%i', async (x402Version, network) => {
    const { payTo, body } = await newPayment({ x402Version })
    const answer = await settle(base, key, body)
    expect(answer.status).toBe(200)
    expect(SettleResponse.parse(answer.body)).toEqual({
      success: true,
      transaction: expect.stringMatching(HASH),
      network,
      payer: payer.address,
      amount: '10000',
      extra: { ...SETTLED, ...IDS },
    })
    expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
  })

  it('can be looked up under the address in its answer, with all that happened to it', async () => {
    const { payTo, body } = await newPayment({ resource: 'https://seller.example/settled?token=secret' })
    const { transaction, extra } = (await settle(base, key, body)).body
    const { status, body: shown } = await call(extra.statusUrl, { key })
    expect(status).toBe(200)
    expect(shown).toMatchObject({ id: extra.settlementId, status: 'settled', granted: true, transaction, payTo })
    const transitions = shown.history.map(({ transition }: { transition: string }) => transition)
    expect(transitions.slice(0, 3)).toEqual(['claim', 'sign', 'mine'])
    const { key: stranger } = await createTenantWithKey(databaseUrl)
    expect((await call(extra.statusUrl, { key: stranger })).status).toBe(404)
  })

  it('may wait for the block to be final: the answer comes no sooner', async () => {
    const { body } = await newPayment()
    const { body: answer } = await settle(base, key, { ...body, waitUntil: 'final' })
    expect(answer).toMatchObject({ success: true })
    expect((await call(answer.extra.statusUrl, { key })).body.state).toBe('final')
  })

  it('is not touched by a request that asks to wait for something else', async () => {
    const { payTo, body } = await newPayment()
    const answer = await settle(base, key, { ...body, waitUntil: 'tomorrow' })
    expect(answer).toMatchObject({ status: 400, body: { success: false, errorReason: 'parameter_invalid' } })
    expect(answer.body.error.param).toBe('waitUntil')
    expect(await balanceOf(rpcUrl, payTo)).toBe(0n)
  })

  it('of the other mode is 403, and GET is 405', async () => {
    const { key: liveKey } = await createTenantWithKey(databaseUrl, { mode: 'live' })
    const { body } = await newPayment()
    expect(await settle(base, liveKey, body)).toMatchObject({ status: 403, body: { errorReason: 'mode_mismatch' } })
    const got = await call(`${base}/settle`, { headers: fromOwnAddress() })
    expect([got.status, got.headers.get('allow')]).toEqual([405, expect.stringContaining('POST')])
  })
})

describe.concurrent('one payment has one success', () => {
  function expectOneSuccess(answers: readonly Answer[]): void {
    const successes = answers.filter(({ body }) => body.success === true)
    expect(successes).toHaveLength(1)
    const transaction = successes[0]?.body.transaction
    const others = answers.filter(({ body }) => body.success !== true)
    for (const { status, body } of others) {
      expect({ status, ...SettleResponse.parse(body) }).toMatchObject({
        status: 200,
        success: false,
        errorReason: 'duplicate_settlement',
        transaction,
        extra: { ...SETTLED, settlementId: successes[0]?.body.extra.settlementId },
      })
    }
  }

  it('of 200 requests at once over two processes, and the money moves once', async () => {
    const { payTo, body } = await newPayment()
    const text = JSON.stringify(body)
    const bases = [base, second.base]
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => settle(bases[index % 2] as string, key, text)),
    )
    expectOneSuccess(answers)
    expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
    const rows = await queryDatabase(databaseUrl, 'SELECT 1 FROM settlements WHERE nonce = $1', [
      body.paymentPayload.payload.authorization.nonce,
    ])
    expect(rows).toHaveLength(1)
  })

  it('for ever: every later request is told of it, whichever process it asks', async () => {
    const { body } = await newPayment()
    const answers = [await settle(base, key, body)]
    for (const at of [base, second.base, base]) answers.push(await settle(at, key, body))
    expect(answers[0]?.body.success).toBe(true)
    expectOneSuccess(answers)
  })

  it('also when its fields come in another order, or with nulls and fields nobody knows', async () => {
    const { body } = await newPayment()
    const { paymentPayload, paymentRequirements } = body
    const turned = Object.fromEntries(Object.entries(paymentRequirements).reverse())
    const variants = [
      body,
      { ...body, paymentRequirements: turned },
      { ...body, paymentRequirements: { ...paymentRequirements, description: null } },
      { ...body, paymentPayload: { ...paymentPayload, anything: 1 } },
    ]
    expectOneSuccess(await Promise.all(variants.map((variant) => settle(base, key, variant))))
  })
})

describe.concurrent('a payment identifier', () => {
  const withIdentifier = (body: Awaited<ReturnType<typeof buildPayment>>, id: string) => ({
    ...body,
    paymentPayload: { ...body.paymentPayload, extensions: { 'payment-identifier': { info: { required: false, id } } } },
  })

  it('is kept, and finds the settlement', async () => {
    const { body } = await newPayment()
    const id = `order-${newPayee().slice(2)}`
    const { extra } = (await settle(base, key, withIdentifier(body, id))).body
    const { data } = (await call(`${base}/settlements?paymentIdentifier=${id}`, { key })).body
    expect(data).toMatchObject([{ id: extra.settlementId, paymentIdentifier: id, granted: true }])
  })

  it('is no reason to grant once more, for the buyer writes it', async () => {
    const [first, other] = [await newPayment(), await newPayment()]
    const id = `order-${newPayee().slice(2)}`
    const reasons = []
    for (const body of [first.body, first.body, other.body, other.body]) {
      const { success, errorReason } = (await settle(base, key, withIdentifier(body, id))).body
      reasons.push(success ? 'success' : errorReason)
    }
    expect(reasons).toEqual(['success', 'duplicate_settlement', 'success', 'duplicate_settlement'])
    expect(await balanceOf(rpcUrl, other.payTo)).toBe(10_000n)
  })
})
