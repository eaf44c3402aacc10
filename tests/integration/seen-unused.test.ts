import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { seenUnusedByReleased } from '@/lib/adapters/postgres/seen-unused'
import { SECOND_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import type { Binding, SignedTransfer } from '@/lib/settlements/settlement'
import { insertSettlement, randomHex, type StoredSettlement } from '@/tests/support/settlements'
import { createDatabase } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const { postgresUrl } = inject('service')
const DAY_MS = 86_400 * SECOND_MS
const NETWORK = 'eip155:84532'
const TERMS = 'terms'

let databaseUrl: string
let pool: Pool
let seller: TenantId
let stranger: TenantId

beforeAll(async () => {
  databaseUrl = await createDatabase(postgresUrl)
  pool = new Pool({ connectionString: databaseUrl, max: 1 })
  seller = (await createTenantWithKey(databaseUrl)).tenantId
  stranger = (await createTenantWithKey(databaseUrl)).tenantId
})
afterAll(() => pool?.end())

/** A payment of its own that no row knows yet. */
function aPayment(): SignedTransfer {
  const parties = { asset: randomHex(20), payer: randomHex(20), payTo: randomHex(20), nonce: randomHex(32) }
  return { ...parties, network: NETWORK, amount: 10_000n, validAfter: 0n, validBefore: 1n, callData: '0x' }
}

/** The row of an earlier claim for a payment, which was released unsigned. */
const released = (payment: SignedTransfer, changes: Partial<StoredSettlement> = {}) =>
  insertSettlement(databaseUrl, {
    ...payment,
    tenantId: seller,
    state: 'failed',
    reason: 'settlement_unavailable',
    paymentKey: null,
    requirementsHash: TERMS,
    releasedAt: new Date(),
    seenUnusedBlock: 77n,
    ...changes,
  })

const seenBySeller = (payment: SignedTransfer, mode: Binding['mode'] = 'test') =>
  seenUnusedByReleased(pool, { ...payment, tenantId: seller, mode, requirementsHash: TERMS })

describe('a payment that a seller’s own released row has seen unused', () => {
  it('was seen unused by this seller, at that block', async () => {
    const payment = aPayment()
    expect(await seenBySeller(payment)).toBeNull()
    await released(payment)
    expect(await seenBySeller(payment)).toBe(77n)
  })

  it('was seen unused at the newest block of several rows, in whatever order they came', async () => {
    const payment = aPayment()
    for (const seenUnusedBlock of [77n, 100n, 99n]) await released(payment, { seenUnusedBlock })
    expect(await seenBySeller(payment)).toBe(100n)
  })

  it('was not seen unused for anybody else, nor in the other mode', async () => {
    const payment = aPayment()
    await released(payment)
    expect(
      await seenUnusedByReleased(pool, { ...payment, tenantId: stranger, mode: 'test', requirementsHash: TERMS }),
    ).toBeNull()
    expect(await seenBySeller(payment, 'live')).toBeNull()
  })
})

describe('a payment was not seen unused by a row that', () => {
  const others: [string, () => Partial<StoredSettlement>][] = [
    ['is another tenant’s', () => ({ tenantId: stranger })],
    ['is of the other mode', () => ({ mode: 'live' })],
    ['names another network', () => ({ network: 'eip155:8453' })],
    ['names another asset', () => ({ asset: randomHex(20) })],
    ['is of other terms', () => ({ requirementsHash: 'other terms' })],
    ['pays somebody else', () => ({ payTo: randomHex(20) })],
    ['is over more', () => ({ amount: 10_001n })],
    ['is over less', () => ({ amount: 9_999n })],
    ['is another payer’s', () => ({ payer: randomHex(20) })],
    ['is of another authorization of the same payer', () => ({ nonce: randomHex(32) })],
    ['still holds its key', () => ({ releasedAt: null, paymentKey: `test/${randomHex(32)}` })],
    ['never looked at the chain', () => ({ seenUnusedBlock: 0n })],
    ['is older than a day', () => ({ createdAt: new Date(Date.now() - DAY_MS - 60 * SECOND_MS) })],
  ]

  it.each(others)('%s', async (_, changes) => {
    const payment = aPayment()
    await released(payment, changes())
    expect(await seenBySeller(payment)).toBeNull()
    // Nothing but that kept it from counting.
    await released(payment)
    expect(await seenBySeller(payment)).toBe(77n)
  })
})
