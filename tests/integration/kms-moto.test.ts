import { createPublicKey } from 'node:crypto'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  GetPublicKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms'
import { publicKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createKmsSigner } from '@/lib/adapters/signers/kms-signer'
import { startMoto } from '@/tests/support/moto'

// moto hashes a digest once more before it signs, so its signatures are not looked at here.
let moto: Awaited<ReturnType<typeof startMoto>>
let admin: KMSClient

beforeAll(async () => {
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example')
  moto = await startMoto()
  admin = new KMSClient({ endpoint: moto.url })
}, 120_000)
afterAll(async () => {
  admin?.destroy()
  await moto?.stop()
  vi.unstubAllEnvs()
})

async function newKey(input: CreateKeyCommandInput): Promise<{ id: string; arn: string }> {
  const { KeyMetadata } = await admin.send(new CreateKeyCommand(input))
  return { id: KeyMetadata?.KeyId ?? '', arn: KeyMetadata?.Arn ?? '' }
}

const wallet = () => newKey({ KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'SIGN_VERIFY' })
const open = (keyId: string) => createKmsSigner({ keyId, endpoint: moto.url })
const messageOf = (keyId: string) =>
  open(keyId).then(
    () => '',
    (error: Error) => error.message,
  )

/** The address as OpenSSL and viem read it out of what KMS gives. */
async function addressOf(keyId: string): Promise<string> {
  const { PublicKey } = await admin.send(new GetPublicKeyCommand({ KeyId: keyId }))
  const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' })
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const hex = [x, y].map((part) => Buffer.from(part, 'base64url').toString('hex')).join('')
  return publicKeyToAddress(`0x04${hex}`).toLowerCase()
}

describe('a key made in moto’s KMS', () => {
  it('is opened by its id, its ARN and an alias, and has the address of its public key', async () => {
    const { id, arn } = await wallet()
    const alias = 'alias/payproof-wallet'
    await admin.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: id }))
    const address = await addressOf(id)
    for (const name of [id, arn, alias]) expect((await open(name)).address).toBe(address)
  })

  it('twenty keys have twenty addresses', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, wallet))
    const signers = await Promise.all(keys.map(({ id }) => open(id)))
    expect(signers.map(({ address }) => address)).toEqual(await Promise.all(keys.map(({ id }) => addressOf(id))))
    expect(new Set(signers.map(({ address }) => address)).size).toBe(20)
  })
})

describe('what moto’s KMS refuses is told by key and cause', () => {
  it.each(['00000000-0000-4000-8000-000000000000', 'alias/nobody', 'arn:aws:kms:eu-central-1:123456789012:key/none'])(
    'a key that is not there: %s',
    async (keyId) => {
      const message = await messageOf(keyId)
      expect(message).toContain(`KMS key ${keyId} cannot be used`)
      expect(message).toContain('KMS does not know it in this region')
    },
  )

  it('a key of another region is not found, though its id is right', async () => {
    const { arn } = await wallet()
    const elsewhere = arn.replace('eu-central-1', 'us-west-2')
    expect(await messageOf(elsewhere)).toContain('KMS does not know it in this region')
  })

  it.each<CreateKeyCommandInput>([
    { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
    { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
    { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' },
  ])('a key of another kind: %j', async (input) => {
    const { id } = await newKey(input)
    expect(await messageOf(id)).toContain(`KMS key ${id} cannot be used: ECC_SECG_P256K1 for SIGN_VERIFY is needed`)
  })

  it('a symmetric key, which has no public one', async () => {
    const { id } = await newKey({})
    expect(await messageOf(id)).toContain(`KMS key ${id} cannot be used`)
  })
})
