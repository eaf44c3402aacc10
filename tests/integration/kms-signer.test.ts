import { randomBytes } from 'node:crypto'
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { recoverAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { createKmsSigner } from '@/lib/adapters/signers/kms-signer'
import { loadSigners } from '@/lib/adapters/signers/load-signers'
import type { Hex } from '@/lib/core/hex'
import { transferCall } from '@/lib/payments/exact-eip3009/calls'
import type { TransactionRequest, TransactionSigner } from '@/lib/settlements/signer'
import { createTransactionSigner } from '@/lib/settlements/transaction-signer'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { connectLocalChain } from '@/scripts/local/chain-rpc'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { signPayment } from '@/scripts/local/sign-payment'
import { type KmsServer, startKmsServer } from '@/tests/support/kms-server'
import { batchRequest, directRequest, POLICY, TOKEN } from '@/tests/support/signing'

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
const chain = connectLocalChain(inject('service').rpcUrl)

let kms: KmsServer
let keyId: string
let admin: KMSClient

beforeAll(async () => {
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
  kms = await startKmsServer()
  admin = new KMSClient({ endpoint: kms.url })
  keyId = await newKey()
})
afterEach(() => {
  kms.misbehave = null
  kms.spoil = null
})
afterAll(async () => {
  admin.destroy()
  await kms.stop()
  vi.unstubAllEnvs()
})

async function newKey(KeySpec: 'ECC_SECG_P256K1' | 'ECC_NIST_P256' = 'ECC_SECG_P256K1'): Promise<string> {
  const { KeyMetadata } = await admin.send(new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' }))
  return KeyMetadata?.KeyId ?? ''
}

const open = (id = keyId) => createKmsSigner({ keyId: id, endpoint: kms.url })

/** The address of a key, from the private key that only the server has. */
function addressOf(id: string): string {
  const { d = '' } = kms.key(id).privateKey.export({ format: 'jwk' })
  return privateKeyToAccount(`0x${Buffer.from(d, 'base64url').toString('hex')}`).address.toLowerCase()
}

describe('a key in KMS', () => {
  it('has the address of its public key, in lower case', async () => {
    expect((await open()).address).toBe(addressOf(keyId))
    expect((await open(`arn:aws:kms:eu-central-1:111122223333:key/${keyId}`)).address).toBe(addressOf(keyId))
  })

  it('signs 100 digests: s is always low though every second came high, and the recovery id leads to the address', async () => {
    const signer = await open()
    const before = kms.s.length
    const parities = new Set<number>()
    for (let index = 0; index < 100; index++) {
      const digest = randomBytes(32)
      const { r, s, yParity } = await signer.sign(digest)
      expect(BigInt(s)).toBeLessThanOrEqual(HALF_ORDER)
      expect([r.length, s.length]).toEqual([66, 66])
      const address = await recoverAddress({ hash: digest, signature: { r, s, yParity } })
      expect(address.toLowerCase()).toBe(signer.address)
      parities.add(yParity)
    }
    const given = kms.s.slice(before)
    expect(given.filter((s) => s > HALF_ORDER)).toHaveLength(50)
    expect([...parities].sort()).toEqual([0, 1])
  })

  it('is one of the signers that the settings name, beside local ones, and never twice', async () => {
    const second = await newKey()
    const local: Hex = `0x${randomBytes(32).toString('hex')}`
    const sources = { keys: local, keyFile: undefined, kmsEndpoint: kms.url }
    const signers = await loadSigners({ ...sources, kmsKeys: `${keyId}, ${second}` })
    const wanted = [privateKeyToAccount(local).address.toLowerCase(), addressOf(keyId), addressOf(second)]
    expect(signers.map(({ address }) => address)).toEqual(wanted)
    const twice = `${keyId},arn:aws:kms:eu-central-1:111122223333:key/${keyId}`
    await expect(loadSigners({ ...sources, kmsKeys: twice })).rejects.toThrow(`${addressOf(keyId)} is set twice`)
  })
})

describe('transactions of a key in KMS are mined', () => {
  type Receipt = { status: Hex; from: Hex; logs: { address: Hex }[] }

  /** Calldata that moves one atomic unit of a payer, truly signed. */
  async function payment(payer: number): Promise<Hex> {
    const validBefore = BigInt(Math.floor(Date.now() / 1_000) + 600)
    const account = DEV_ACCOUNTS[payer]
    if (!account) throw new Error('no such account')
    const payTo = `0x${randomBytes(20).toString('hex')}`
    const { paymentPayload } = await signPayment({ payer: account, payTo, amount: 1n, validBefore })
    const { authorization, signature } = paymentPayload.payload
    const { from, to, nonce } = authorization as Record<string, Hex>
    if (!from || !to || !nonce) throw new Error('incomplete')
    return transferCall({ from, to, value: 1n, validAfter: 0n, validBefore, nonce }, signature)
  }

  async function mine(signer: TransactionSigner, request: TransactionRequest): Promise<Receipt> {
    const { raw, hash } = await signer.sign(request)
    expect(await chain.call('eth_sendRawTransaction', [raw])).toBe(hash)
    return vi.waitFor(
      async () => {
        const receipt = await chain.call<Receipt | null>('eth_getTransactionReceipt', [hash])
        if (!receipt) throw new Error('not mined yet')
        return receipt
      },
      { timeout: 20_000, interval: 100 },
    )
  }

  it('one payment, ten payments in one batch, and a no-op, from the wallet of the key', async () => {
    const signer = createTransactionSigner(await open(), () => POLICY)
    await chain.call('anvil_setBalance', [signer.address, '0xde0b6b3a7640000'])
    const calls = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8, 1, 2].map(async (n) => ({ target: TOKEN, data: await payment(n) })),
    )
    const requests = [
      directRequest({ nonce: 0n, data: await payment(3) }),
      batchRequest(calls, { nonce: 1n, gas: 1_000_000n }),
      directRequest({ nonce: 2n, to: signer.address, data: '0x', gas: 21_000n }),
    ]
    const receipts: Receipt[] = []
    for (const request of requests) receipts.push(await mine(signer, request))
    expect(receipts.map(({ status, from }) => [status, from])).toEqual(requests.map(() => ['0x1', signer.address]))
    expect(receipts.map(({ logs }) => logs.length)).toEqual([2, 20, 0])
    for (const { address } of receipts.flatMap(({ logs }) => logs)) expect(address).toBe(LOCAL_USDC.toLowerCase())
  })
})

describe('when KMS says no, the error says which key, why, and what to do', () => {
  const openError = (id: string) =>
    open(id).then(
      () => '',
      (error: Error) => error.message,
    )

  it('a key that does not exist', async () => {
    const message = await openError('no-such-key')
    expect(message).toContain('KMS key no-such-key cannot be used')
    expect(message).toContain('AWS_REGION')
    expect(message).toContain('NotFoundException')
  })

  it('a key that is disabled while it is in use works again once it is enabled', async () => {
    const id = await newKey()
    const signer = await open(id)
    kms.key(id).isEnabled = false
    await expect(signer.sign(randomBytes(32))).rejects.toThrow(
      `KMS key ${id} cannot be used: it is disabled; enable it`,
    )
    expect(await openError(id)).toContain('it is disabled')
    kms.key(id).isEnabled = true
    expect(await signer.sign(randomBytes(32))).toHaveProperty('yParity')
  })

  it('a key that this process may not use', async () => {
    const id = await newKey()
    kms.key(id).isDenied = true
    expect(await openError(id)).toMatch(/access is denied; grant this process kms:GetPublicKey and kms:Sign/)
  })

  it('a key of another curve', async () => {
    const message = await openError(await newKey('ECC_NIST_P256'))
    expect(message).toContain('ECC_SECG_P256K1 for SIGN_VERIFY is needed, not ECC_NIST_P256 for SIGN_VERIFY')
  })

  it.each([
    ['KMSInvalidStateException', 'waiting for its deletion'],
    ['InvalidKeyUsageException', 'ECC_SECG_P256K1 for SIGN_VERIFY is needed'],
    ['UnrecognizedClientException', 'AWS does not accept the credentials'],
    ['ExpiredTokenException', 'AWS does not accept the credentials'],
    ['ThrottlingException', 'takes no more requests'],
    ['SomethingNewException', 'the words of AWS'],
  ])('%s', async (name, meaning) => {
    const signer = await open()
    kms.misbehave = (_, response) => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify({ __type: name, message: 'the words of AWS' }))
      return true
    }
    const failed = signer.sign(randomBytes(32))
    await expect(failed).rejects.toThrow(meaning)
    await expect(failed).rejects.toThrow(`KMS key ${keyId} cannot be used`)
    await expect(failed).rejects.toThrow(`(${name})`)
  })

  it('no credentials', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '')
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    const message = await openError(keyId)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
    expect(message).toContain('there are no AWS credentials')
  })

  it('no server there', async () => {
    const gone = await startKmsServer()
    await gone.stop()
    const message = await createKmsSigner({ keyId, endpoint: gone.url }).then(
      () => '',
      (error: Error) => error.message,
    )
    expect(message).toContain(`KMS key ${keyId} cannot be used`)
    expect(message).toContain('ECONNREFUSED')
  })
})

describe('when KMS misbehaves', () => {
  it('one failure of KMS’s own is made good by a second attempt', async () => {
    const signer = await open()
    let failures = 0
    kms.misbehave = (_, response) => {
      if (failures++ > 0) return false
      response.writeHead(500, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify({ __type: 'KMSInternalException', message: 'try again' }))
      return true
    }
    expect(await signer.sign(randomBytes(32))).toHaveProperty('yParity')
    expect(failures).toBe(2)
  })

  it.each<[string, KmsServer['misbehave']]>([
    ['that never answers', () => true],
    [
      'that begins an answer and never ends it',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
        response.write('{')
        return true
      },
    ],
  ])('a server %s is given up after two attempts of 3 s and a second at the most', async (_, misbehave) => {
    const signer = await open()
    const before = kms.requests.length
    kms.misbehave = misbehave
    const startedAt = performance.now()
    await expect(signer.sign(randomBytes(32))).rejects.toThrow('KMS did not answer in time (TimeoutError)')
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(2_500)
    expect(tookMs).toBeLessThan(8_000)
    expect(kms.requests.length - before).toBeLessThanOrEqual(2)
    kms.misbehave = null
    expect(await signer.sign(randomBytes(32))).toHaveProperty('yParity')
  })

  it.each<[string, (der: Buffer) => Buffer]>([
    ['is empty', () => Buffer.alloc(0)],
    ['is no DER', (der) => der.subarray(1)],
    ['is cut short', (der) => der.subarray(0, -1)],
    ['is of another digest', (der) => Buffer.concat([der.subarray(0, -1), Buffer.from([(der.at(-1) ?? 0) ^ 1])])],
  ])('a signature that %s is never used', async (_, spoil) => {
    const signer = await open()
    kms.spoil = spoil
    await expect(signer.sign(randomBytes(32))).rejects.toThrow(`not one of ${signer.address}`)
  })
})
