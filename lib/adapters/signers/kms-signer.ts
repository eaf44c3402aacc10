import type { GetPublicKeyCommandOutput, KMSClient } from '@aws-sdk/client-kms'
import { type Hex, word } from '@/lib/core/hex'
import { keccak } from '@/lib/core/keccak'
import { recoverAddress } from '@/lib/core/recover-address'
import { within } from '@/lib/core/within'
import type { DigestSignature, DigestSigner } from '@/lib/settlements/signer'
import { lowS, publicKeyOfSpki, readDerSignature } from './der'
import { explainKmsError, NEEDED_KIND } from './kms-errors'

export type KmsKey = {
  /** Key id, ARN or alias. */
  keyId: string
  /** In the place of AWS's own address of the region. */
  endpoint?: string | undefined
}

/** The clock of one attempt, and of all of them, a wait for credentials and a slow body included. */
const ATTEMPT_MS = 3_000
const ATTEMPTS = 2
const ALL_MS = ATTEMPTS * ATTEMPT_MS + 1_000
const ALGORITHM = 'ECDSA_SHA_256'

type Ask<T> = (options: { abortSignal: AbortSignal }) => Promise<T>

/**
 * A key that never leaves AWS KMS (ECC_SECG_P256K1, SIGN_VERIFY). Region and credentials are found as the AWS SDK finds
 * them. An alias is looked up once, so that a wallet stays the same when the alias is moved.
 *
 * @throws when the key cannot be used; the message says why and what to do
 */
export async function createKmsSigner({ keyId, endpoint }: KmsKey): Promise<DigestSigner> {
  const { GetPublicKeyCommand, KMSClient, SignCommand } = await import('@aws-sdk/client-kms')
  const client = connect(KMSClient, keyId, endpoint)
  const ask = <T>(send: Ask<T>) => askKms(keyId, send)
  const key = await ask((options) => client.send(new GetPublicKeyCommand({ KeyId: keyId }), options))
  const publicKey = key.KeyUsage === 'SIGN_VERIFY' ? publicKeyOfSpki(key.PublicKey ?? new Uint8Array()) : null
  if (!publicKey) throw new Error(`KMS key ${keyId} cannot be used: ${NEEDED_KIND}, not ${kindOf(key)}.`)
  const address: Hex = `0x${keccak(publicKey.subarray(1)).slice(24)}`
  const KeyId = key.KeyId ?? keyId
  return {
    address,
    async sign(digest) {
      const command = new SignCommand({
        KeyId,
        Message: digest,
        MessageType: 'DIGEST',
        SigningAlgorithm: ALGORITHM,
      })
      const { Signature } = await ask((options) => client.send(command, options))
      const signature = await toEthereum(digest, Signature ?? new Uint8Array(), address)
      if (!signature) throw new Error(`KMS key ${keyId} gave a signature that is not one of ${address}`)
      return signature
    },
  }
}

function kindOf({ KeySpec, KeyUsage }: GetPublicKeyCommandOutput): string {
  return `${KeySpec ?? 'another kind'} for ${KeyUsage ?? 'another usage'}`
}

function connect(Client: typeof KMSClient, keyId: string, endpoint: string | undefined): KMSClient {
  const region = /^arn:[^:]+:kms:([^:]+):/.exec(keyId)?.[1]
  return new Client({
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: ATTEMPT_MS, requestTimeout: ATTEMPT_MS, throwOnRequestTimeout: true },
  })
}

async function askKms<T>(keyId: string, send: Ask<T>): Promise<T> {
  const gaveUp = new AbortController()
  try {
    return await within(ALL_MS, send({ abortSignal: gaveUp.signal }), () => {
      gaveUp.abort()
      return Object.assign(new Error(`no answer within ${ALL_MS} ms`), { name: 'TimeoutError' })
    })
  } catch (error) {
    throw explainKmsError(keyId, error)
  }
}

/** KMS gives r and s alone: s is made low, and the recovery id is the one that leads to the address. */
async function toEthereum(digest: Uint8Array, der: Uint8Array, address: Hex): Promise<DigestSignature | null> {
  const parsed = readDerSignature(der)
  if (!parsed) return null
  const [r, s] = [word(parsed.r), word(lowS(parsed.s))]
  const rs = Buffer.from(r + s, 'hex')
  for (const yParity of [0, 1] as const) {
    const signer = await recoverAddress(digest, { rs, v: yParity, isLowS: true })
    if (signer === address) return { r: `0x${r}`, s: `0x${s}`, yParity }
  }
  return null
}
