import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { verifyExactEip3009 } from '@/lib/payments/exact-eip3009/verify-exact-eip3009'
import { fakeChain, REVERTED } from '@/tests/support/fake-chain'
import { now, signed, stranger } from '@/tests/support/judged-payment'

describe('a chain that cannot be read', () => {
  const fails = new AppError('rpc_unavailable')

  it('is our failure, never a verdict on the payer', async () => {
    for (const payment of [await signed(), await signed({}, stranger), await signed({ signature: '0x' })]) {
      await expect(verifyExactEip3009({ now, chain: fakeChain({ fails }) }, payment)).rejects.toBe(fails)
    }
  })

  it('that is lost between the simulation and its explanation is our failure too', async () => {
    const chain = fakeChain({ transfer: REVERTED })
    const { callMany } = chain
    let asked = 0
    chain.callMany = (...args) => (asked++ === 0 ? callMany(...args) : Promise.reject(fails))
    await expect(verifyExactEip3009({ now, chain }, await signed())).rejects.toBe(fails)
  })
})
