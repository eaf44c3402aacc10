import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { generatePrivateKey, privateKeyToAccount, sign } from 'viem/accounts'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { createTransactionSigner } from '@/lib/settlements/transaction-signer'
import { batchRequest, directRequest, POLICY, payments, TOKEN, transferData } from '@/tests/support/signing'

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'

/** The adapter, loaded where some of the libraries cannot be had. */
async function load(missing: readonly string[]) {
  vi.resetModules()
  for (const name of ['secp256k1/bindings', '@bitauth/libauth']) vi.doUnmock(name)
  for (const name of missing) {
    vi.doMock(name, () => {
      throw new Error(`${name} is not there`)
    })
  }
  const { createLocalSigner } = await import('@/lib/adapters/signers/local-signer')
  return async (key: string) => {
    const signer = await createLocalSigner(key)
    if (!signer) throw new Error('not a key')
    return signer
  }
}

const below = (n: bigint) => BigInt(`0x${randomBytes(16).toString('hex')}`) % n

function randomRequest(index: number, own: Hex) {
  const maxFeePerGas = below(POLICY.feeCapWei)
  const numbers = { nonce: below(1n << 40n), maxFeePerGas, maxPriorityFeePerGas: maxFeePerGas / (below(9n) + 1n) }
  if (index % 4 === 0) return batchRequest(payments(1 + Number(below(100n))), numbers)
  if (index % 4 === 1) return directRequest({ ...numbers, to: own, data: '0x', gas: 21_000n })
  const checksummed = index % 4 === 2 ? TOKEN : '0x036CbD53842c5426634e7929541eC2318f3dCF7e'
  return directRequest({
    ...numbers,
    to: checksummed,
    data: transferData(Number(below(1n << 50n))),
    gas: below(200_000n),
  })
}

afterAll(() => {
  vi.doUnmock('secp256k1/bindings')
  vi.doUnmock('@bitauth/libauth')
  vi.resetModules()
})

describe.each([
  ['native', [], 200],
  ['WASM', ['secp256k1/bindings'], 40],
  ['JavaScript', ['secp256k1/bindings', '@bitauth/libauth'], 40],
] as const)('a local key, signing with %s', (_, missing, count) => {
  it(`gives the very bytes that viem gives, for ${count} random requests`, async () => {
    const createLocalSigner = await load(missing)
    for (let index = 0; index < count; index++) {
      const privateKey = generatePrivateKey()
      const account = privateKeyToAccount(privateKey)
      const key = await createLocalSigner(privateKey)
      const request = randomRequest(index, key.address)
      const { raw } = await createTransactionSigner(key, () => POLICY).sign(request)
      const wanted = await account.signTransaction({ ...request, type: 'eip1559', nonce: Number(request.nonce) })
      expect(raw).toBe(wanted)
      expect(key.address).toBe(account.address.toLowerCase())
    }
  })

  it('s is low, and the same digest gives the same signature', async () => {
    const createLocalSigner = await load(missing)
    const privateKey = generatePrivateKey()
    const key = await createLocalSigner(privateKey)
    for (let index = 0; index < 50; index++) {
      const digest = randomBytes(32)
      const signature = await key.sign(digest)
      expect(BigInt(signature.s)).toBeLessThanOrEqual(HALF_ORDER)
      expect(await key.sign(digest)).toEqual(signature)
      const { r, s, yParity } = await sign({ hash: `0x${digest.toString('hex')}`, privateKey })
      expect(signature).toEqual({ r, s, yParity })
    }
  })
})

describe('a text that is no key', () => {
  it.each([
    '',
    '0x',
    '0x00',
    'hunter2',
    `0x${'0'.repeat(64)}`,
    `0x${ORDER}`,
    `0x${'f'.repeat(64)}`,
    `0x${'1'.repeat(63)}`,
    `0x${'1'.repeat(66)}`,
    '1'.repeat(64),
  ])('%j gives no signer, and no error that could show it', async (text) => {
    const { createLocalSigner } = await import('@/lib/adapters/signers/local-signer')
    expect(await createLocalSigner(text)).toBeNull()
  })

  it('the largest key there is works', async () => {
    const { createLocalSigner } = await import('@/lib/adapters/signers/local-signer')
    expect(await createLocalSigner(`0x${ORDER.slice(0, -1)}0`)).not.toBeNull()
  })
})

it('nothing that prints a signer shows its key', async () => {
  const createLocalSigner = await load([])
  const privateKey = generatePrivateKey()
  const key = await createLocalSigner(privateKey)
  const printed = [inspect(key, { showHidden: true, depth: 9 }), JSON.stringify(key), Object.values(key).map(String)]
  expect(printed.join().toLowerCase()).not.toContain(privateKey.slice(2, 20))
})
