import fc from 'fast-check'
import { keccak256, parseTransaction } from 'viem'
import { describe, expect, it } from 'vitest'
import { type Hex, word } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { DigestSigner, TransactionRequest } from '@/lib/settlements/signer'
import { createTransactionSigner, TransactionRefused } from '@/lib/settlements/transaction-signer'
import {
  batchRequest,
  directRequest,
  POLICY,
  payments,
  TOKEN,
  TRANSFER_WITH_BYTES,
  TRANSFER_WITH_VRS,
  transferData,
} from '@/tests/support/signing'

const OWN: Hex = `0x${'0a'.repeat(20)}`
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

const hexOf = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => toHex(b))
const toHex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}` as Hex
const address = fc.oneof(hexOf(20), fc.constantFrom(TOKEN, MULTICALL3, OWN, ...POLICY.assets))
const selector = fc.oneof(
  hexOf(4),
  fc.constantFrom(TRANSFER_WITH_VRS, TRANSFER_WITH_BYTES, '0x82ad56cb', '0xa9059cbb', '0x095ea7b3', '0x', '0xe3ee16'),
)
const calldata = fc.tuple(selector, fc.nat({ max: 300 })).map(([head, n]) => `${head}${'5a'.repeat(n)}` as Hex)
const call = fc.oneof(
  fc.record({ target: address, data: calldata }),
  fc.record({ target: fc.constant(TOKEN), data: calldata }),
  fc.constant({ target: TOKEN, data: transferData() }),
)

type Hostile = (request: TransactionRequest) => TransactionRequest
const edit = (at: number, byte: number): Hostile => {
  return (request) => {
    const bytes = Buffer.from(request.data.slice(2), 'hex')
    if (bytes.length > 0) bytes[at % bytes.length] = byte
    return { ...request, data: toHex(bytes) }
  }
}
const wordEdit = (at: number, value: bigint): Hostile => {
  return (request) => {
    const words = Math.max(1, Math.floor((request.data.length - 10) / 64))
    const start = 10 + (at % words) * 64
    return { ...request, data: `${request.data.slice(0, start)}${word(value)}${request.data.slice(start + 64)}` as Hex }
  }
}
const big = fc.oneof(fc.bigInt({ min: -2n, max: 1n << 70n }), fc.bigInt({ min: 0n, max: 9_000_000n }))
const hostile: fc.Arbitrary<Hostile> = fc.oneof(
  address.map(
    (to): Hostile =>
      (request) => ({ ...request, to }),
  ),
  calldata.map(
    (data): Hostile =>
      (request) => ({ ...request, data }),
  ),
  fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, byte]) => edit(at, byte)),
  fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 255 })).map(([at, byte]) => edit(at, byte)),
  fc
    .tuple(fc.nat({ max: 30 }), fc.oneof(fc.bigInt({ min: 0n, max: 400n }), fc.constant((1n << 256n) - 1n)))
    .map(([at, value]) => wordEdit(at, value)),
  hexOf(3).map(
    (tail): Hostile =>
      (request) => ({ ...request, data: `${request.data}${tail.slice(2)}` }),
  ),
  fc.nat({ max: 200 }).map(
    (cut): Hostile =>
      (request) => ({ ...request, data: request.data.slice(0, -cut - 1) as Hex }),
  ),
  fc.constantFrom('0x', '', '0xz', '0xe3ee160e\n', '0xE3EE160E', 'e3ee160e').map(
    (data): Hostile =>
      (request) => ({ ...request, data: data as Hex }),
  ),
  big.map(
    (gas): Hostile =>
      (request) => ({ ...request, gas }),
  ),
  big.map(
    (nonce): Hostile =>
      (request) => ({ ...request, nonce }),
  ),
  big.map(
    (maxFeePerGas): Hostile =>
      (request) => ({ ...request, maxFeePerGas }),
  ),
  big.map(
    (maxPriorityFeePerGas): Hostile =>
      (request) => ({ ...request, maxPriorityFeePerGas }),
  ),
  fc.constantFrom(1, 8453, 0, -1, Number.NaN).map(
    (chainId): Hostile =>
      (request) => ({ ...request, chainId }),
  ),
)
const start = fc.oneof(
  fc.constant(directRequest()),
  fc.constant(directRequest({ to: OWN, data: '0x', gas: 21_000n })),
  fc.integer({ min: 1, max: 4 }).map((count) => batchRequest(payments(count))),
  fc.integer({ min: 90, max: 110 }).map((count) => batchRequest(payments(count))),
  fc.array(call, { maxLength: 5 }).map((calls) => batchRequest(calls)),
)
const jobs = fc
  .tuple(start, fc.array(hostile, { minLength: 1, maxLength: 2 }))
  .map(([request, changes]) => changes.reduce((changed, change) => change(changed), request))

/** A second reading of the rules, written on bytes and without a library, for the first to be judged by. */
function isWithinPolicy(request: TransactionRequest): boolean {
  const hex = request.data.toLowerCase()
  const count = paymentsOf(request.to, hex)
  return (
    request.chainId === POLICY.chainId &&
    hasFairNumbers(request) &&
    /^0x(?:[0-9a-f]{2}){0,120000}$/.test(hex) &&
    count !== null &&
    request.gas <= 150_000n * BigInt(count) + 50_000n
  )
}

function hasFairNumbers({ nonce, gas, maxFeePerGas: fee, maxPriorityFeePerGas: tip }: TransactionRequest): boolean {
  const isNonce = nonce >= 0n && nonce < 2n ** 53n
  return isNonce && gas >= 0n && gas <= POLICY.transactionGas && fee <= POLICY.feeCapWei && tip >= 0n && tip <= fee
}

function paymentsOf(to: Hex, hex: string): number | null {
  if (to === OWN && hex === '0x') return 0
  if (isPayment(to, hex)) return 1
  const members = to === MULTICALL3 ? readMembers(Buffer.from(hex.slice(2), 'hex')) : null
  if (!members || members.length < 1 || members.length > 100) return null
  return members.every(([target, inner]) => isPayment(target, inner)) ? members.length : null
}

const isPayment = (to: string, hex: string) =>
  [...POLICY.assets].some((asset) => asset === to) && /^0x(e3ee160e|cf092995)/.test(hex)

/** The members of a batch, or null unless they are laid out as every encoder lays them out. */
function readMembers(bytes: Buffer): [string, string][] | null {
  const at = (offset: number) =>
    BigInt(
      `0x${bytes
        .subarray(offset, offset + 32)
        .toString('hex')
        .padEnd(64, 'f')}`,
    )
  if (bytes.subarray(0, 4).toString('hex') !== '82ad56cb' || at(4) !== 32n || at(36) > 100n) return null
  const count = Number(at(36))
  let rebuilt = `82ad56cb${word(32)}${word(count)}`
  let tuples = ''
  const members: [string, string][] = []
  for (let index = 0; index < count; index++) {
    const offset = 68 + count * 32 + tuples.length / 2
    const length = at(offset + 96)
    if (length > 120_000n) return null
    const target = bytes.subarray(offset + 12, offset + 32).toString('hex')
    const inner = bytes.subarray(offset + 128, offset + 128 + Number(length)).toString('hex')
    rebuilt += word(count * 32 + tuples.length / 2)
    const mayFail = at(offset + 32) === 0n ? 0 : 1
    tuples += `${target.padStart(64, '0')}${word(mayFail)}${word(96)}${word(length)}${inner.padEnd(Math.ceil(Number(length) / 32) * 64, '0')}`
    members.push([`0x${target}`, `0x${inner}`])
  }
  return rebuilt + tuples === bytes.toString('hex') ? members : null
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
