import { encodeAbiParameters, serializeErc6492Signature } from 'viem'
import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { REVERTED, USED, uint256 } from '@/tests/support/fake-chain'
import { highS, judge, signed, stranger, WALLET_ACCEPTS, withV } from '@/tests/support/judged-payment'

describe('a payer with code', () => {
  it('is judged by its own isValidSignature (EIP-1271), and pays by the overload with bytes', async () => {
    const signature: Hex = `0x${'c0de'.repeat(50)}`
    const { reason, chain } = await judge(await signed({ signature }), WALLET_ACCEPTS)
    expect(reason).toBeNull()
    expect(chain.calls.map(({ kinds }) => kinds)).toEqual([['wallet'], ['state', 'transfer']])
    expect(chain.calls.map(({ gas }) => gas)).toEqual([1_000_000, 1_000_000])
    expect(chain.calls[1]?.data[1]?.slice(0, 10)).toBe('0xcf092995')
  })

  it('whose wallet does not accept is refused', async () => {
    const refusals = [
      REVERTED,
      uint256(0n),
      { ok: true, data: '0x' as Hex },
      { ok: true, data: `0xffffffff${'0'.repeat(56)}` as Hex },
      { ok: false, data: `0x1626ba7e${'0'.repeat(56)}` as Hex },
    ]
    for (const wallet of refusals) {
      const payment = await signed({ signature: `0x${'c0de'.repeat(50)}` })
      expect((await judge(payment, { hasCode: true, wallet })).reason).toBe('invalid_exact_evm_signature')
    }
  })

  it('that runs out of gas in its own check is refused', async () => {
    const payment = await signed({ signature: `0x${'c0de'.repeat(50)}` })
    const { reason } = await judge(payment, { ...WALLET_ACCEPTS, gasNeeded: 1_000_001 })
    expect(reason).toBe('invalid_exact_evm_signature')
  })

  it('that is also the key’s own account (EIP-7702) passes at once where the token takes it', async () => {
    const { reason, chain } = await judge(await signed(), { hasCode: true })
    expect([reason, chain.calls.length]).toEqual([null, 1])
  })

  it('that is the key’s own account (EIP-7702) and whose code needs more gas gets it', async () => {
    const { reason, chain } = await judge(await signed(), { ...WALLET_ACCEPTS, gasNeeded: 200_001 })
    expect(reason).toBeNull()
    expect(chain.calls.map(({ gas }) => gas)).toEqual([200_000, 1_000_000, 1_000_000])
  })

  it('that is the key’s own account (EIP-7702) and whose code refuses its key is refused: no recovery beside the code', async () => {
    const { reason } = await judge(await signed(), { hasCode: true, transfer: REVERTED, wallet: REVERTED })
    expect(reason).toBe('invalid_exact_evm_signature')
  })

  it('may use v and s as its wallet likes', async () => {
    const payment = await signed({}, stranger)
    for (const signature of [highS(payment.signature), withV(payment.signature, 0)]) {
      expect((await judge({ ...payment, signature }, WALLET_ACCEPTS)).reason).toBeNull()
    }
  })

  it('is held to the authorization as everybody is', async () => {
    const payment = await signed({ signature: `0x${'c0de'.repeat(50)}`, authorization: { validBefore: 1n } })
    expect((await judge(payment, WALLET_ACCEPTS)).reason).toBe('invalid_exact_evm_payload_authorization_valid_before')
  })

  it('whose authorization was used is refused', async () => {
    const payment = await signed({ signature: `0x${'c0de'.repeat(50)}` })
    expect((await judge(payment, { ...WALLET_ACCEPTS, state: USED })).reason).toBe(
      'invalid_exact_evm_nonce_already_used',
    )
  })
})

describe('a wallet that is not deployed yet (ERC-6492)', () => {
  const inner: Hex = `0x${'5e'.repeat(65)}`
  const wrapped = serializeErc6492Signature({ address: stranger.address, data: '0x1234', signature: inner })

  it('is refused', async () => {
    expect((await judge(await signed({ signature: wrapped }))).reason).toBe('eip6492_factory_not_allowed')
  })

  it('is refused also when what is wrapped is the payer’s own signature', async () => {
    const { signature } = await signed()
    const wrapper = serializeErc6492Signature({ address: stranger.address, data: '0x', signature })
    expect((await judge(await signed({ signature: wrapper }))).reason).toBe('eip6492_factory_not_allowed')
  })

  it('that was deployed in the meantime pays by what is inside the wrapper', async () => {
    const { reason, chain } = await judge(await signed({ signature: wrapped }), WALLET_ACCEPTS)
    expect(reason).toBeNull()
    expect(chain.calls[0]?.data[0]).toContain(inner.slice(2))
    expect(chain.calls[0]?.data[0]).not.toContain('64926492')
  })

  it('whose wrapper is broken is an ordinary wrong signature', async () => {
    const suffix = '6492'.repeat(16)
    const huge = encodeAbiParameters([{ type: 'uint256' }], [(1n << 256n) - 1n]).slice(2)
    for (const body of ['', 'ff', huge.repeat(3), '00'.repeat(32)]) {
      const { reason } = await judge(await signed({ signature: `0x${body}${suffix}` }))
      expect(reason).toBe('invalid_exact_evm_signature')
    }
  })
})
