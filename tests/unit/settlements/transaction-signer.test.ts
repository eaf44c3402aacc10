import fc from 'fast-check'
import { keccak256, parseTransaction } from 'viem'
import { describe, expect, it } from 'vitest'
import { word } from '@/lib/core/hex'
import type { DigestSigner } from '@/lib/settlements/signer'
import { createTransactionSigner, TransactionRefused } from '@/lib/settlements/transaction-signer'
import { jobs } from '@/tests/support/hostile-requests'
import { isWithinPolicy, OWN } from '@/tests/support/second-policy'
import { batchRequest, directRequest, POLICY, payments, TOKEN } from '@/tests/support/signing'

const policyOf = (chainId: number) => (chainId === POLICY.chainId ? POLICY : null)

/** A key that counts how often it was asked. */
function countingKey() {
  const key = {
    asked: 0,
    address: OWN,
    async sign(): ReturnType<DigestSigner['sign']> {
      key.asked++
      return { r: `0x${word(1)}`, s: `0x${word(2)}`, yParity: 1 }
    },
  }
  return key
}

describe('a wallet signs nothing outside of its policy', () => {
  it('of 1,000 hostile jobs, exactly those within the policy reach the key', async () => {
    const counts = { signed: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(jobs, async (request) => {
        const key = countingKey()
        const error = await createTransactionSigner(key, policyOf)
          .sign(request)
          .then(() => null)
          .catch((thrown: unknown) => thrown)
        const isAllowed = isWithinPolicy(request)
        expect(key.asked).toBe(isAllowed ? 1 : 0)
        expect(error === null).toBe(isAllowed)
        if (!isAllowed) expect(error).toBeInstanceOf(TransactionRefused)
        counts[isAllowed ? 'signed' : 'refused']++
      }),
      { numRuns: 1_000 },
    )
    expect(counts.signed + counts.refused).toBe(1_000)
    expect(counts.signed).toBeGreaterThan(20)
    expect(counts.refused).toBeGreaterThan(500)
  })

  it('a chain without a policy is refused, whatever is sent there', async () => {
    const key = countingKey()
    const signer = createTransactionSigner(key, () => null)
    await expect(signer.sign(directRequest())).rejects.toThrow('nothing is signed for chain 84532')
    expect(key.asked).toBe(0)
  })

  it('a policy of another chain than was asked for is of no use', async () => {
    const key = countingKey()
    const signer = createTransactionSigner(key, () => ({ ...POLICY, chainId: 1 }))
    await expect(signer.sign(directRequest())).rejects.toBeInstanceOf(TransactionRefused)
    expect(key.asked).toBe(0)
  })
})

describe('what is signed is what was checked', () => {
  it('a request that changes after it was read is signed as it was read', async () => {
    const key = countingKey()
    const reads: string[] = []
    const request = directRequest()
    const shifty = new Proxy(request, {
      get(target, name) {
        const isSecond = reads.includes(String(name))
        reads.push(String(name))
        return isSecond && name === 'to' ? `0x${'bd'.repeat(20)}` : Reflect.get(target, name)
      },
    })
    const { raw } = await createTransactionSigner(key, policyOf).sign(shifty)
    expect(parseTransaction(raw).to?.toLowerCase()).toBe(TOKEN)
  })

  it('value, access list and authorizations that somebody adds are not signed along', async () => {
    const more = {
      ...directRequest(),
      value: 5n,
      type: 'eip7702',
      accessList: [{ address: TOKEN, storageKeys: [] }],
      authorizationList: [{ address: TOKEN, chainId: 1, nonce: 0 }],
    }
    const { raw } = await createTransactionSigner(countingKey(), policyOf).sign(more)
    const parsed = parseTransaction(raw)
    expect(parsed.type).toBe('eip1559')
    expect(parsed.value ?? 0n).toBe(0n)
    expect(parsed).not.toHaveProperty('accessList')
    expect(parsed).not.toHaveProperty('authorizationList')
  })

  it('every field arrives, and the hash is that of the bytes', async () => {
    const request = batchRequest(payments(100), { nonce: 12_345n })
    const { raw, hash } = await createTransactionSigner(countingKey(), policyOf).sign(request)
    expect(parseTransaction(raw)).toMatchObject({ ...request, nonce: 12_345 })
    expect(hash).toBe(keccak256(raw))
  })

  it('a key that fails is no refusal', async () => {
    const key = { address: OWN, sign: () => Promise.reject(new Error('KMS is away')) }
    const failed = createTransactionSigner(key, policyOf).sign(directRequest())
    await expect(failed).rejects.toThrow('KMS is away')
    await expect(failed).rejects.not.toBeInstanceOf(TransactionRefused)
  })
})
