import { describe, expect, inject, it } from 'vitest'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { createTenantWithKey } from '@/tests/support/tenants'

const service = inject('service')
const { key } = await createTenantWithKey(service.databaseUrl)
const verify = (body: unknown) => call(`${service.base}/verify`, { key, body })

describe('POST /verify', () => {
  it.each([1, 2] as const)('a truly signed payment of x402 v%i is valid', async (x402Version) => {
    const body = await buildPayment({ x402Version })
    const answer = await verify(body)
    expect(answer.body).toEqual({ isValid: true, payer: body.paymentPayload.payload.authorization.from })
    expect(answer.status).toBe(200)
  })

  it('a payment signed by somebody else is refused', async () => {
    const other = await buildPayment()
    const { signature } = other.paymentPayload.payload
    const answer = await verify(await buildPayment({ signature }))
    expect(answer.body).toMatchObject({ isValid: false, invalidReason: 'invalid_exact_evm_signature' })
  })
})
