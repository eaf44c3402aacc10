import { createPublicClient, http, pad, toHex } from 'viem'
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

describe('a wallet that answers with as much as its gas allows', () => {
  /** PUSH3 size, PUSH1 0, RETURN: whatever it is asked, zeros. */
  const bomb = (bytes: number) => `0x62${bytes.toString(16).padStart(6, '0')}6000f3` as const
  const node = createPublicClient({ transport: http(service.rpcUrl) })

  it('is refused as itself, and those beside it are judged', async () => {
    const bodies = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const from = pad(toHex(0xb0b_000 + index), { size: 20 })
        const code = bomb(index % 2 === 0 ? 0x30_000 : 0x3c_000)
        await node.request({ method: 'anvil_setCode', params: [from, code] } as never)
        return buildPayment({ authorization: { from } })
      }),
    )
    const answers = await Promise.all([...bodies, await buildPayment()].map(verify))
    const refused = { isValid: false, invalidReason: 'invalid_exact_evm_signature' }
    expect(answers.slice(0, -1).map(({ body: { isValid, invalidReason } }) => ({ isValid, invalidReason }))).toEqual(
      bodies.map(() => refused),
    )
    expect(answers.at(-1)?.body.isValid).toBe(true)
  })
})
