import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { REVERTED, revertedWith, USED, uint256 } from '@/tests/support/fake-chain'
import { highS, judge, signed, stranger, withV } from '@/tests/support/judged-payment'

describe('a payment of an account without code', () => {
  it('that is good costs one chain call, which reads the state and simulates upon it', async () => {
    const { chain, judged } = await judge(await signed(), { block: 42n })
    expect(judged).toEqual({ block: 42n })
    expect(chain.calls.map(({ kinds, gas }) => ({ kinds, gas }))).toEqual([
      { kinds: ['state', 'transfer'], gas: 200_000 },
    ])
    expect(chain.codeReads).toBe(0)
  })

  it.each([1, 2] as const)('is accepted in x402 v%i', async (x402Version) => {
    expect((await judge(await signed({ x402Version }))).reason).toBeNull()
  })

  it('signed by somebody else is refused', async () => {
    expect((await judge(await signed({}, stranger))).reason).toBe('invalid_exact_evm_signature')
  })

  it.each([
    ['value', { value: 10_000n }, { value: 10_001n }],
    ['nonce', { nonce: `0x${'01'.repeat(32)}` as Hex }, { nonce: `0x${'02'.repeat(32)}` as Hex }],
    ['validBefore', { validBefore: 1_900_000_000n }, { validBefore: 1_900_000_001n }],
    ['validAfter', { validAfter: 0n }, { validAfter: 1n }],
  ])('of which %s was changed after it was signed is refused', async (_, was, is) => {
    const { signature } = await signed({ authorization: was })
    expect((await judge(await signed({ authorization: is, signature }))).reason).toBe('invalid_exact_evm_signature')
  })

  it.each([
    '0x',
    '0x00',
    `0x${'00'.repeat(64)}1b`,
    `0x${'11'.repeat(64)}ff`,
    `0x${'11'.repeat(64)}`,
    `0x${'11'.repeat(500)}`,
  ])('with the signature %s is refused', async (signature) => {
    expect((await judge(await signed({ signature: signature as Hex }))).reason).toBe('invalid_exact_evm_signature')
  })

  it('with s in the upper half is refused as not canonical, for it would be a second signature of one payment', async () => {
    const payment = await signed()
    expect((await judge({ ...payment, signature: highS(payment.signature) })).reason).toBe('signature_not_canonical')
  })

  it('with v of 0 or 1 is refused as not canonical, for the token does not take it', async () => {
    const payment = await signed()
    const v = payment.signature.endsWith('1b') ? 0 : 1
    const { reason, chain } = await judge({ ...payment, signature: withV(payment.signature, v) })
    expect(reason).toBe('signature_not_canonical')
    expect(chain.calls.flatMap(({ kinds }) => kinds)).not.toContain('transfer')
  })

  it('in the compact form of EIP-2098 is refused, for the token does not take it', async () => {
    const payment = await signed()
    const parity = payment.signature.endsWith('1c') ? 1n << 255n : 0n
    const s = BigInt(`0x${payment.signature.slice(66, 130)}`) | parity
    const compact = `${payment.signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}` as Hex
    expect((await judge({ ...payment, signature: compact })).reason).toBe('invalid_exact_evm_signature')
  })

  it('whose authorization was used is refused, also when the token would take it again', async () => {
    for (const transfer of [REVERTED, { ok: true, data: '0x' as Hex }]) {
      expect((await judge(await signed(), { state: USED, transfer })).reason).toBe(
        'invalid_exact_evm_nonce_already_used',
      )
    }
  })

  it('upon a token that does not know authorizations is refused, also when its transfer seems to work', async () => {
    for (const state of [REVERTED, { ok: true, data: '0x' as Hex }, uint256(2n)]) {
      expect((await judge(await signed(), { state })).reason).toBe('invalid_exact_evm_eip3009_not_supported')
    }
  })

  it('that the payer cannot afford is refused, with what it holds', async () => {
    const { judged } = await judge(await signed(), { transfer: REVERTED, balance: uint256(9_999n) })
    expect(judged).toMatchObject({ reason: 'invalid_exact_evm_insufficient_balance' })
    expect((judged as { message: string }).message).toContain('9999')
  })

  it('that the token refuses for a cause of its own is refused with the token’s words', async () => {
    const transfer = revertedWith('Blacklistable: account is blacklisted')
    const { judged } = await judge(await signed(), { transfer })
    expect(judged).toMatchObject({ reason: 'invalid_exact_evm_transaction_simulation_failed' })
    expect((judged as { message: string }).message).toContain('Blacklistable: account is blacklisted')
  })

  it('the words of a token are shown printable and short', async () => {
    const { judged } = await judge(await signed(), { transfer: revertedWith(`\u0007\n<b>${'x'.repeat(5_000)}`) })
    const { message } = judged as { message: string }
    expect(message).toMatch(/^[\x20-\x7e]{1,300}$/)
  })

  it.each(['0x08c379a0', '0x08c379a0ff', `0x08c379a0${'ff'.repeat(64)}`, '0x4e487b71', '0xzz'])(
    'a revert of %s breaks nothing',
    async (data) => {
      const transfer = { ok: false, data: data as Hex }
      expect((await judge(await signed(), { transfer })).reason).toBe('invalid_exact_evm_transaction_simulation_failed')
    },
  )

  it('that runs out of gas is refused and says so, without blaming the token’s standard', async () => {
    const { judged } = await judge(await signed(), { gasNeeded: 200_001, balance: uint256(10n ** 9n) })
    expect(judged).toMatchObject({ reason: 'invalid_exact_evm_transaction_simulation_failed' })
    expect((judged as { message: string }).message).toContain('200000 gas')
  })
})

describe('the EIP-712 domain that the seller named', () => {
  it('with a wrong name is told as such, when the buyer signed by it', async () => {
    const payment = await signed({ domain: { name: 'USD Coin', version: '2' } })
    const { judged } = await judge(payment, { transfer: REVERTED })
    expect(judged).toMatchObject({ reason: 'invalid_exact_evm_token_name_mismatch' })
    expect((judged as { message: string }).message).toContain('extra.name to "USDC"')
  })

  it('with a wrong version is told as such', async () => {
    const payment = await signed({ domain: { name: 'USDC', version: '1' } })
    expect((await judge(payment, { transfer: REVERTED })).reason).toBe('invalid_exact_evm_token_version_mismatch')
  })

  it('that the buyer did not sign by makes the signature wrong', async () => {
    const payment = await signed()
    const other = { ...payment, domain: { name: 'USD Coin', version: '2' } }
    expect((await judge(other)).reason).toBe('invalid_exact_evm_signature')
  })
})
