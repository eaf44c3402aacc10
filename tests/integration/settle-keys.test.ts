import { randomUUID } from 'node:crypto'
import { Pool } from 'pg'
import { describe, expect, inject, it, vi } from 'vitest'
import { createSettlementStore } from '@/lib/adapters/postgres/settlement-store'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { balanceOf, newPayee, newPayer, settle } from '@/tests/support/settling'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl, rpcUrl } = inject('service')
const { key, tenantId } = await createTenantWithKey(databaseUrl)
const payer = await newPayer(rpcUrl, 1_000_000_000n)
const payment = () => buildPayment({ payer, payTo: newPayee() })

describe.concurrent("a seller's Idempotency-Key", () => {
  it('repeats its own success, bare or quoted, as often as he asks', async () => {
    const body = await payment()
    const idempotencyKey = randomUUID()
    const first = await settle(base, key, body, { idempotencyKey })
    expect(first.body).toMatchObject({ success: true })
    expect(first.headers.get('idempotent-replayed')).toBeNull()
    for (const written of [idempotencyKey, `"${idempotencyKey}"`, idempotencyKey]) {
      const again = await settle(base, key, body, { idempotencyKey: written })
      expect([again.status, again.body]).toEqual([200, first.body])
      expect(again.headers.get('idempotent-replayed')).toBe('true')
    }
    expect(await balanceOf(rpcUrl, body.paymentRequirements['payTo'] as `0x${string}`)).toBe(10_000n)
  })

  it('repeats it to him alone, also when his first call hung up and both were waiting', async () => {
    const body = await payment()
    const idempotencyKey = randomUUID()
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const hangUp = new AbortController()
    const options = { method: 'POST', body: JSON.stringify(body), signal: hangUp.signal }
    const first = fetch(`${base}/settle`, { ...options, headers: { ...headers, 'idempotency-key': idempotencyKey } })
    const { nonce } = body.paymentPayload.payload.authorization
    const isClaimed = async () =>
      expect(await queryDatabase(databaseUrl, 'SELECT 1 FROM settlements WHERE nonce = $1', [nonce])).toHaveLength(1)
    await vi.waitFor(isClaimed, { timeout: 10_000, interval: 10 })
    const second = settle(base, key, body, { idempotencyKey })
    hangUp.abort()
    await expect(first).rejects.toThrow()
    expect((await second).body).toMatchObject({ success: true })
    expect((await settle(base, key, body)).body).toMatchObject({ errorReason: 'duplicate_settlement' })
    expect((await settle(base, key, body, { idempotencyKey })).body).toMatchObject({ success: true })
  })

  it('gives every one of his requests at once the same success', async () => {
    const body = await payment()
    const idempotencyKey = randomUUID()
    const answers = await Promise.all(Array.from({ length: 20 }, () => settle(base, key, body, { idempotencyKey })))
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body))).size).toBe(1)
    expect(answers[0]?.body).toMatchObject({ success: true })
  })

  it('of another call repeats nothing, and neither does a call without one', async () => {
    const body = await payment()
    expect((await settle(base, key, body, { idempotencyKey: randomUUID() })).body).toMatchObject({ success: true })
    for (const options of [{ idempotencyKey: randomUUID() }, {}]) {
      const again = await settle(base, key, body, options)
      expect(again.body).toMatchObject({ success: false, errorReason: 'duplicate_settlement' })
    }
  })

  it('that comes after a success without one does not get that success', async () => {
    const body = await payment()
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
    const again = await settle(base, key, body, { idempotencyKey: randomUUID() })
    expect(again.body).toMatchObject({ success: false, errorReason: 'duplicate_settlement' })
  })

  it('with another payment is 422, and that payment is not touched', async () => {
    const [first, other] = [await payment(), await payment()]
    const idempotencyKey = randomUUID()
    await settle(base, key, first, { idempotencyKey })
    const refused = await settle(base, key, other, { idempotencyKey })
    expect(refused).toMatchObject({
      status: 422,
      body: { success: false, errorReason: 'idempotency_key_reused', transaction: '', network: '' },
    })
    expect((await settle(base, key, other)).body).toMatchObject({ success: true })
  })

  it('of one tenant means nothing for another', async () => {
    const { key: otherKey } = await createTenantWithKey(databaseUrl)
    const idempotencyKey = randomUUID()
    for (const [as, body] of [
      [key, await payment()],
      [otherKey, await payment()],
    ] as const) {
      expect((await settle(base, as, body, { idempotencyKey })).body).toMatchObject({ success: true })
    }
  })

  it('means something of its own in each mode, and something new after a day', async () => {
    const pool = new Pool({ connectionString: databaseUrl, max: 1 })
    const { rememberKey } = createSettlementStore(pool, { tenantWei: 1n, payerWei: 1n })
    const keyHash = randomUUID()
    const remembered = (mode: string, fingerprint: string) => rememberKey({ tenantId, mode, keyHash, fingerprint })
    expect([await remembered('test', 'a'), await remembered('live', 'b')]).toEqual([true, true])
    expect([await remembered('test', 'b'), await remembered('test', 'a')]).toEqual([false, true])
    const age = `UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE key_hash = $1`
    await pool.query(age, [keyHash, '23 hours'])
    expect(await remembered('test', 'b')).toBe(false)
    await pool.query(age, [keyHash, '25 hours'])
    expect([await remembered('test', 'b'), await remembered('test', 'a')]).toEqual([true, false])
    await pool.end()
  })

  it.each([
    ['longer than 255 characters', 'x'.repeat(256)],
    ['empty between its quotes', '""'],
    ['of characters that cannot be printed', 'a\tb'],
    ['of letters beyond ASCII', 'cl\u00e9'],
  ])('that is %s is 400 with the header as its parameter', async (_, idempotencyKey) => {
    const body = await payment()
    const answer = await settle(base, key, body, { idempotencyKey })
    expect(answer).toMatchObject({ status: 400, body: { success: false, errorReason: 'parameter_invalid' } })
    expect(answer.body.error.param).toBe('Idempotency-Key')
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
  })
})
