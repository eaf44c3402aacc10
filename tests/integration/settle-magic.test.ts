import { describe, expect, inject, it, vi } from 'vitest'
import { exampleRequest } from '@/lib/contracts/example-request'
import { MAGIC_PAYERS } from '@/lib/payments/magic-payments'
import { call } from '@/tests/support/api'
import { randomHex } from '@/tests/support/settlements'
import { settle } from '@/tests/support/settling'
import { createTenantWithKey } from '@/tests/support/tenants'

// Without a worker: a magic payment needs neither it nor a chain.
const { base, databaseUrl } = inject('withoutWorker')
const { key } = await createTenantWithKey(databaseUrl)

const HASH = expect.stringMatching(/^0x[0-9a-f]{64}$/)

/** The published example with the payer of that name, under a nonce of its own unless the example's is wanted. */
function magic(name: string, nonce: string = randomHex(32)) {
  const example = exampleRequest()
  const [from] = Object.entries(MAGIC_PAYERS).find(([, outcome]) => outcome.name === name) ?? []
  if (!from) throw new Error(`there is no magic payer "${name}"`)
  Object.assign(example.paymentPayload.payload.authorization, { from, nonce })
  return example
}

describe('a magic payment that is valid', () => {
  it('is settled at once, and once', async () => {
    const body = magic('valid')
    const first = await settle(base, key, body)
    expect(first.body).toMatchObject({ success: true, transaction: HASH, extra: { paymentState: 'settled' } })
    const { transaction } = first.body
    const again = await settle(base, key, body)
    expect(again.body).toMatchObject({ success: false, errorReason: 'duplicate_settlement', transaction })
    const { body: shown } = await call(first.body.extra.statusUrl, { key })
    expect(shown).toMatchObject({ state: 'mined', granted: true, transaction })
  })

  it("repeats its success under the seller's own Idempotency-Key", async () => {
    const body = magic('valid')
    const options = { idempotencyKey: randomHex(16) }
    const answers = [await settle(base, key, body, options), await settle(base, key, body, options)]
    expect(answers.map(({ body: { success } }) => success)).toEqual([true, true])
  })

  it('is not kept waiting for a block that nobody makes', async () => {
    const { body } = await settle(base, key, { ...magic('valid'), waitUntil: 'final' })
    expect(body).toMatchObject({ success: true })
  })

  it('of the published example works for every tenant, whoever sent it before', async () => {
    const { nonce } = exampleRequest().paymentPayload.payload.authorization
    const tenants = await Promise.all([createTenantWithKey(databaseUrl), createTenantWithKey(databaseUrl)])
    for (const tenant of tenants) {
      expect((await settle(base, tenant.key, magic('valid', nonce))).body).toMatchObject({ success: true })
      const again = await settle(base, tenant.key, magic('valid', nonce))
      expect(again.body).toMatchObject({ errorReason: 'duplicate_settlement' })
    }
  })
})

describe('a magic payment that is pending', () => {
  const PENDING = {
    success: false,
    errorReason: 'settlement_pending',
    transaction: HASH,
    extra: { paymentState: 'in_flight', retryable: true, retryAction: 'poll' },
  }
  const untilDecided = (body: unknown) =>
    vi.waitFor(
      async () => {
        const answer = await settle(base, key, body)
        expect(answer.body.errorReason).not.toBe('settlement_pending')
        return answer
      },
      { timeout: 20_000, interval: 200 },
    )

  it('comes with a hash, and the same body gets the success after some time', async () => {
    const body = magic('pending, then settled')
    const first = await settle(base, key, body)
    expect(first).toMatchObject({ status: 200, body: PENDING })
    expect((await call(first.body.extra.statusUrl, { key })).body).toMatchObject({ state: 'broadcast', granted: false })
    const { body: decided } = await untilDecided(body)
    expect(decided).toMatchObject({ success: true, transaction: first.body.transaction })
    expect((await settle(base, key, body)).body).toMatchObject({ errorReason: 'duplicate_settlement' })
  })

  it('comes with a hash, and the same body is told that it failed after some time', async () => {
    const body = magic('pending, then failed')
    const first = await settle(base, key, body)
    expect(first).toMatchObject({ status: 200, body: PENDING })
    const { body: decided } = await untilDecided(body)
    expect(decided).toMatchObject({
      success: false,
      errorReason: 'invalid_exact_evm_transaction_failed',
      transaction: first.body.transaction,
      extra: { paymentState: 'unused', retryable: true, retryAction: 'retry_same_payment' },
    })
    expect((await call(decided.extra.statusUrl, { key })).body).toMatchObject({ state: 'failed', granted: false })
  })
})

describe('a magic payment that is refused', () => {
  const refused = Object.values(MAGIC_PAYERS).filter(({ verify }) => verify.startsWith('invalid_'))

  it.each(refused)('is refused by /settle as by /verify: $name', async ({ name, verify }) => {
    const { status, body } = await settle(base, key, magic(name))
    expect(status).toBe(200)
    expect(body).toMatchObject({ success: false, errorReason: verify, transaction: '' })
    expect(body.extra.paymentState).toBe(verify === 'invalid_exact_evm_nonce_already_used' ? 'unknown' : 'unused')
  })

  it('or finds the chain away: 503, and nothing is kept', async () => {
    const body = magic('RPC unavailable')
    const answer = await settle(base, key, body)
    expect(answer).toMatchObject({ status: 503, body: { success: false, errorReason: 'rpc_unavailable' } })
    const { nonce } = body.paymentPayload.payload.authorization
    expect((await call(`${base}/settlements?nonce=${nonce}`, { key })).body.data).toEqual([])
  })

  it.each([...refused.map(({ name }) => name), 'valid'])('gives no other tenant a row: %s', async (name) => {
    const body = magic(name)
    await settle(base, key, body)
    const { key: stranger } = await createTenantWithKey(databaseUrl)
    const { nonce } = body.paymentPayload.payload.authorization
    expect((await call(`${base}/settlements?nonce=${nonce}`, { key: stranger })).body.data).toEqual([])
    expect((await call(`${base}/settlements?nonce=${nonce}`, { key })).body.data).toHaveLength(1)
  })
})
