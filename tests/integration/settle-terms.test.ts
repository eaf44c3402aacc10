import { describe, expect, inject, it, vi } from 'vitest'
import type { TenantId } from '@/lib/core/ids'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { connectLocalChain } from '@/scripts/local/chain-rpc'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { callDataOf, newPayee, newPayer, settle } from '@/tests/support/settling'
import { createTenantWithKey, withAdmin } from '@/tests/support/tenants'

const { base, databaseUrl, rpcUrl } = inject('service')
const payer = await newPayer(rpcUrl)
const setAcceptance = (tenantId: TenantId, acceptsOthers: boolean) =>
  withAdmin(databaseUrl, (admin) => admin.changeTenant(tenantId, { acceptsOthers }))

/** Verified by us, then carried out by somebody else. */
async function settledElsewhere(key: string) {
  const body = await buildPayment({ payer, payTo: newPayee() })
  expect((await call(`${base}/verify`, { key, body })).body).toMatchObject({ isValid: true })
  const { nonce } = body.paymentPayload.payload.authorization
  // Only what the log holds is known to have been seen unused.
  await vi.waitFor(async () => {
    expect(await queryDatabase(databaseUrl, 'SELECT 1 FROM verifications WHERE nonce = $1', [nonce])).toHaveLength(1)
  })
  await connectLocalChain(rpcUrl).send(TOKEN_OWNER.address, LOCAL_USDC, callDataOf(body))
  return { body, nonce }
}

describe('a payment that somebody else settled after this seller’s own /verify', () => {
  it('is a success, as long as nothing else is chosen', async () => {
    const { key } = await createTenantWithKey(databaseUrl)
    const { body } = await settledElsewhere(key)
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
  })

  it('is none for a tenant that does not accept that, says what is true, and can be accepted later', async () => {
    const { key, tenantId } = await createTenantWithKey(databaseUrl)
    await setAcceptance(tenantId, false)
    const { body, nonce } = await settledElsewhere(key)
    const refused = {
      success: false,
      errorReason: 'invalid_exact_evm_nonce_already_used',
      errorMessage: expect.stringContaining('Somebody else settled this payment'),
      extra: { paymentState: 'settled', retryable: false, retryAction: 'contact_seller' },
    }
    expect((await settle(base, key, body)).body).toMatchObject(refused)
    expect((await settle(base, key, body)).body).toMatchObject(refused)
    expect((await call(`${base}/verify`, { key, body })).body).toMatchObject({ isValid: false })
    const [row] = (await call(`${base}/settlements?nonce=${nonce}&granted=false`, { key })).body.data
    expect(row).toMatchObject({ state: 'settled_by_other' })

    await setAcceptance(tenantId, true)
    await vi.waitFor(async () => expect((await settle(base, key, body)).body).toMatchObject({ success: true }), {
      timeout: 20_000,
      interval: 500,
    })
    expect((await settle(base, key, body)).body).toMatchObject({ errorReason: 'duplicate_settlement' })
  })
})
