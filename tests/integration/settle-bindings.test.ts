import { describe, expect, inject, it, vi } from 'vitest'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { balanceOf, newPayee, newPayer, settle } from '@/tests/support/settling'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl, rpcUrl } = inject('service')
const { key } = await createTenantWithKey(databaseUrl)
const { key: strangerKey } = await createTenantWithKey(databaseUrl)
const payer = await newPayer(rpcUrl, 1_000_000_000n)

type Body = Awaited<ReturnType<typeof buildPayment>>

/** The same signature under other terms; what the buyer is said to have accepted goes with them. */
function under(body: Body, changes: Record<string, unknown>): Body {
  const paymentRequirements = { ...body.paymentRequirements, ...changes }
  const { accepted } = body.paymentPayload
  const paymentPayload = { ...body.paymentPayload, ...(accepted !== undefined && { accepted: paymentRequirements }) }
  return { ...body, paymentPayload, paymentRequirements }
}

const amountOf = ({ x402Version }: Body) => (x402Version === 1 ? 'maxAmountRequired' : 'amount')
const BOUND = 'payment_bound_elsewhere'
const EURC = '0x808456652fdb597867f38412077A9182bf77359F'

/** Another binding of one payment, and why it is refused: what names another token or chain is no longer this payment. */
const BINDINGS: readonly { name: string; as?: string; reason: string; of(body: Body): Body }[] = [
  { name: 'another tenant', as: strangerKey, reason: BOUND, of: (body) => body },
  { name: 'another amount', reason: BOUND, of: (body) => under(body, { [amountOf(body)]: '20000' }) },
  { name: 'another recipient', reason: BOUND, of: (body) => under(body, { payTo: newPayee() }) },
  { name: 'another validity', reason: BOUND, of: (body) => under(body, { maxTimeoutSeconds: 61 }) },
  { name: 'another domain', reason: BOUND, of: (body) => under(body, { extra: { name: 'USD Coin', version: '2' } }) },
  { name: 'another resource', reason: BOUND, of: (body) => under(body, { resource: 'https://seller.example/dear' }) },
  { name: 'another token', reason: 'asset_not_listed', of: (body) => under(body, { asset: EURC }) },
  {
    name: 'another network',
    reason: 'invalid_network',
    of: (body) => under(body, { network: body.x402Version === 1 ? 'sepolia' : 'eip155:11155111' }),
  },
]

const PAYLOADS = 20
const VERSIONS = Array.from({ length: PAYLOADS }, (_, index) => (index % 2 === 0 ? 2 : 1))

/** Presents a payment under all of them at once. */
async function presentElsewhere(body: Body) {
  return Promise.all(
    BINDINGS.map(async ({ name, as = key, of }) => {
      const answer = await settle(base, as, of(body))
      return { name, status: answer.status, ...answer.body }
    }),
  )
}

const REFUSED = BINDINGS.map(({ name, reason }) => ({ name, status: 200, success: false, errorReason: reason }))

describe('a payment belongs to the seller and the terms under which it came first', () => {
  it(`${PAYLOADS} payments under ${BINDINGS.length} other bindings while they settle and after: no second grant`, async () => {
    const payments = await Promise.all(
      VERSIONS.map(async (version) => {
        const payTo = newPayee()
        return { payTo, body: await buildPayment({ payer, payTo, x402Version: version as 1 | 2 }) }
      }),
    )
    await Promise.all(
      payments.map(async ({ payTo, body }) => {
        const { nonce } = body.paymentPayload.payload.authorization
        const own = settle(base, key, body)
        await vi.waitFor(
          async () => expect((await call(`${base}/settlements?nonce=${nonce}`, { key })).body.data).toHaveLength(1),
          { timeout: 10_000, interval: 20 },
        )
        const during = await presentElsewhere(body)
        expect(during).toMatchObject(REFUSED)
        const { success, transaction } = (await own).body
        expect(success).toBe(true)
        const after = await presentElsewhere(body)
        expect(after).toMatchObject(REFUSED)
        // Whoever is not its seller learns nothing of the settlement.
        for (const { errorReason, transaction: told, extra } of [...during, ...after]) {
          expect(told).toBe('')
          if (errorReason === BOUND) {
            expect(extra).toEqual({ paymentState: 'unknown', retryable: false, retryAction: 'contact_seller' })
          }
        }
        expect((await settle(base, key, body)).body).toMatchObject({ errorReason: 'duplicate_settlement', transaction })
        expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
      }),
    )
  })

  it('two tenants who ask at once for the same under the same terms: one has it, and the other nothing', async () => {
    await Promise.all(
      Array.from({ length: PAYLOADS }, async () => {
        const payTo = newPayee()
        const body = await buildPayment({ payer, payTo })
        const answers = await Promise.all([key, strangerKey].map((as) => settle(base, as, body)))
        const reasons = answers.map(({ body: { success, errorReason } }) => (success ? 'success' : errorReason))
        expect(reasons.sort()).toEqual(['payment_bound_elsewhere', 'success'])
        expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
      }),
    )
  })

  it('one nonce signed for two recipients pays one of them', async () => {
    const [first, other] = [newPayee(), newPayee()]
    const body = await buildPayment({ payer, payTo: first })
    const { nonce } = body.paymentPayload.payload.authorization
    const twin = await buildPayment({ payer, payTo: other, authorization: { nonce } })
    const answers = await Promise.all([settle(base, key, body), settle(base, key, twin)])
    expect(answers.filter(({ body: { success } }) => success === true)).toHaveLength(1)
    expect(answers.find(({ body: { success } }) => success === false)?.body.errorReason).toMatch(
      /^(payment_bound_elsewhere|invalid_exact_evm_nonce_already_used)$/,
    )
    expect((await balanceOf(rpcUrl, first)) + (await balanceOf(rpcUrl, other))).toBe(10_000n)
  })
})
