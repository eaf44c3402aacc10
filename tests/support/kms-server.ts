import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sign } from 'viem/accounts'
import type { Hex } from '@/lib/core/hex'

type Key = { id: string; privateKey: KeyObject; spec: string; isEnabled: boolean; isDenied: boolean }
type Body = Record<string, string | undefined>
type Answer = { status?: number; body: object }

export type KmsServer = {
  url: string
  /** What came, by its name: GetPublicKey, Sign… */
  requests: string[]
  /** Every s that left, in the order of the signatures. */
  s: bigint[]
  key(id: string): Key
  /** In the place of an ordinary answer: the test writes what it likes, or nothing. True: it did. */
  misbehave: ((operation: string, response: ServerResponse) => boolean) | null
  /** Changes a DER signature on its way out. */
  spoil: ((der: Buffer) => Buffer) | null
  stop(): Promise<void>
}

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const REGION = 'eu-central-1'
const CURVES: Record<string, string> = { ECC_SECG_P256K1: 'secp256k1', ECC_NIST_P256: 'prime256v1' }

class KmsError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

/**
 * A server of the shape of AWS KMS (JSON 1.1): CreateKey, GetPublicKey and Sign. Like AWS, and unlike other stand-ins,
 * it signs the digest that it is given. Every second signature has a high s, as half of AWS's have.
 */
export async function startKmsServer(): Promise<KmsServer> {
  const keys = new Map<string, Key>()
  const http = createServer((request, response) => {
    void readBody(request).then(async (body) => {
      const operation = String(request.headers['x-amz-target']).replace('TrentService.', '')
      server.requests.push(operation)
      if (server.misbehave?.(operation, response)) return
      const { status = 200, body: answer } = await answerTo(server, keys, operation, body, request)
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() })
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server: KmsServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests: [],
    s: [],
    key: (id) => findKey(keys, id),
    misbehave: null,
    spoil: null,
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      }),
  }
  return server
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body
}

async function answerTo(
  server: KmsServer,
  keys: Map<string, Key>,
  operation: string,
  body: Body,
  { headers }: IncomingMessage,
): Promise<Answer> {
  try {
    if (!/^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[^/]+\/kms\/aws4_request, /.test(headers.authorization ?? '')) {
      throw new KmsError('MissingAuthenticationTokenException', 'Missing Authentication Token')
    }
    if (operation === 'CreateKey') return { body: createKey(keys, body) }
    const key = usableKey(keys, body['KeyId'] ?? '')
    if (operation === 'GetPublicKey') return { body: describePublicKey(key) }
    if (operation === 'Sign') return { body: await signDigest(server, key, body) }
    throw new KmsError('UnknownOperationException', operation)
  } catch (error) {
    if (!(error instanceof KmsError)) throw error
    return { status: 400, body: { __type: error.code, message: error.message } }
  }
}

const arnOf = (id: string) => `arn:aws:kms:${REGION}:111122223333:key/${id}`

function createKey(keys: Map<string, Key>, { KeySpec: spec = 'SYMMETRIC_DEFAULT', KeyUsage }: Body): object {
  const namedCurve = CURVES[spec]
  if (!namedCurve || KeyUsage !== 'SIGN_VERIFY') throw new KmsError('UnsupportedOperationException', spec)
  const id = randomUUID()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  keys.set(id, { id, privateKey, spec, isEnabled: true, isDenied: false })
  return { KeyMetadata: { KeyId: id, Arn: arnOf(id), KeySpec: spec, KeyUsage, Enabled: true, KeyState: 'Enabled' } }
}

function findKey(keys: Map<string, Key>, id: string): Key {
  const key = keys.get(id.replace(/^.*:key\//, ''))
  if (!key) throw new KmsError('NotFoundException', `Key '${arnOf(id)}' does not exist`)
  return key
}

function usableKey(keys: Map<string, Key>, id: string): Key {
  const key = findKey(keys, id)
  const user = 'arn:aws:iam::111122223333:user/worker'
  if (key.isDenied) throw new KmsError('AccessDeniedException', `User: ${user} is not authorized to perform: kms:Sign`)
  if (!key.isEnabled) throw new KmsError('DisabledException', `${arnOf(key.id)} is disabled.`)
  return key
}

function describePublicKey({ id, privateKey, spec }: Key): object {
  const PublicKey = createPublicKeyDer(privateKey).toString('base64')
  return { KeyId: arnOf(id), PublicKey, KeySpec: spec, KeyUsage: 'SIGN_VERIFY', SigningAlgorithms: ['ECDSA_SHA_256'] }
}

function createPublicKeyDer(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
}

async function signDigest(server: KmsServer, { id, privateKey }: Key, body: Body): Promise<object> {
  const { MessageType, SigningAlgorithm } = body
  const digest = Buffer.from(body['Message'] ?? '', 'base64')
  if (MessageType !== 'DIGEST' || SigningAlgorithm !== 'ECDSA_SHA_256' || digest.length !== 32) {
    throw new KmsError('ValidationException', `Digest is invalid length for algorithm ${SigningAlgorithm}.`)
  }
  const scalar: Hex = `0x${Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url').toString('hex')}`
  const signed = await sign({ hash: `0x${digest.toString('hex')}`, privateKey: scalar })
  const low = BigInt(signed.s)
  const s = server.s.length % 2 === 0 ? ORDER - low : low
  server.s.push(s)
  const der = derOf([BigInt(signed.r), s])
  return { KeyId: arnOf(id), Signature: (server.spoil?.(der) ?? der).toString('base64'), SigningAlgorithm }
}

/** A SEQUENCE of INTEGERs, each as short as it can be. */
function derOf(numbers: readonly bigint[]): Buffer {
  const integers = numbers.map((n) => {
    const hex = n.toString(16)
    const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
    const value = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
    return Buffer.concat([Buffer.from([0x02, value.length]), value])
  })
  const content = Buffer.concat(integers)
  return Buffer.concat([Buffer.from([0x30, content.length]), content])
}
