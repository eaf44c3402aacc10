import { describe, expect, it } from 'vitest'
import { REVERTED, USED, uint256 } from '@/tests/support/fake-chain'
import { highS, judge, signed, stranger } from '@/tests/support/judged-payment'

describe('the priority', () => {
  const late = { validBefore: 1n }

  it('wrong terms come before everything, and ask no chain', async () => {
    const payment = { ...(await signed({ authorization: late }, stranger)), asset: null }
    const { reason, chain } = await judge(payment, { fails: new Error('not asked') })
    expect([reason, chain.calls.length, chain.codeReads]).toEqual(['asset_not_listed', 0, 0])
  })

  it('a wrong signature comes before a wrong authorization', async () => {
    const payment = await signed({ authorization: late }, stranger)
    expect((await judge(payment)).reason).toBe('invalid_exact_evm_signature')
  })

  it('a signature that is not canonical comes before one that is wrong', async () => {
    const payment = await signed({}, stranger)
    expect((await judge({ ...payment, signature: highS(payment.signature) })).reason).toBe('signature_not_canonical')
  })

  it('a wrong authorization comes before the simulation, and of a good signature only', async () => {
    const { reason, chain } = await judge(await signed({ authorization: late }), { state: USED, transfer: REVERTED })
    expect(reason).toBe('invalid_exact_evm_payload_authorization_valid_before')
    expect(chain.calls.flatMap(({ kinds }) => kinds)).not.toContain('transfer')
  })

  it('a used authorization comes before a wrong domain and an empty purse', async () => {
    const payment = await signed({ domain: { name: 'USD Coin', version: '1' } })
    const options = { state: USED, transfer: REVERTED, balance: uint256(0n) }
    expect((await judge(payment, options)).reason).toBe('invalid_exact_evm_nonce_already_used')
  })

  it('a wrong name comes before a wrong version, and both before an empty purse', async () => {
    const both = await signed({ domain: { name: 'USD Coin', version: '1' } })
    const broke = { transfer: REVERTED, balance: uint256(0n) }
    expect((await judge(both, broke)).reason).toBe('invalid_exact_evm_token_name_mismatch')
    const version = await signed({ domain: { name: 'USDC', version: '1' } })
    expect((await judge(version, broke)).reason).toBe('invalid_exact_evm_token_version_mismatch')
  })
})
