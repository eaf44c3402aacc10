import { encodeAbiParameters, serializeErc6492Signature } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { type Hex, lowerHex } from '@/lib/core/hex'
import type { ExactEip3009Payment } from '@/lib/payments/exact-eip3009/payment'
import { verifyExactEip3009 } from '@/lib/payments/exact-eip3009/verify-exact-eip3009'
import { signAuthorization } from '@/tests/support/build-payment'
import { type FakeChainOptions, fakeChain, REVERTED, revertedWith, USED, uint256 } from '@/tests/support/fake-chain'
import { type PaymentChanges, parsedPayment } from '@/tests/support/parsed-payment'

const NOW_MS = 1_800_000_000_000
const now = () => NOW_MS
const payer = privateKeyToAccount(generatePrivateKey())
const stranger = privateKeyToAccount(generatePrivateKey())
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const WALLET_ACCEPTS: FakeChainOptions = {
  hasCode: true,
  wallet: { ok: true, data: `0x1626ba7e${'0'.repeat(56)}` },
}

/** A payment that `payer` has signed, or `by` in its place. */
async function signed(changes: PaymentChanges = {}, by = payer): Promise<ExactEip3009Payment> {
  const from = lowerHex(payer.address)
  const payment = parsedPayment({ ...changes, authorization: { from, ...changes.authorization }, payer: payer.address })
  if (changes.signature) return payment
  const { authorization, network, terms } = payment
  const { name, version } = changes.domain ?? { name: 'USDC', version: '2' }
  const signature = await signAuthorization(
    by,
    { name, version, chainId: network.chainId, verifyingContract: terms.asset },
    {
      ...authorization,
      value: String(authorization.value),
      validAfter: String(authorization.validAfter),
      validBefore: String(authorization.validBefore),
    },
  )
  return { ...payment, signature: lowerHex(signature) }
}

async function judge(payment: ExactEip3009Payment, options: FakeChainOptions = {}) {
  const chain = fakeChain(options)
  const judged = await verifyExactEip3009({ now, chain }, payment)
  return { chain, judged, reason: 'reason' in judged ? judged.reason : null }
}

const withV = (signature: Hex, v: number): Hex => `${signature.slice(0, 130)}${v.toString(16).padStart(2, '0')}` as Hex

function highS(signature: Hex): Hex {
  const s = ORDER - BigInt(`0x${signature.slice(66, 130)}`)
  const v = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66)}${s.toString(16).padStart(64, '0')}${v}` as Hex
}

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
