import fc from 'fast-check'
import { type Hex, word } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { TransactionRequest } from '@/lib/settlements/signer'
import { OWN } from './second-policy'
import {
  batchRequest,
  directRequest,
  POLICY,
  payments,
  TOKEN,
  TRANSFER_WITH_BYTES,
  TRANSFER_WITH_VRS,
  transferData,
} from './signing'

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
export const jobs = fc
  .tuple(start, fc.array(hostile, { minLength: 1, maxLength: 2 }))
  .map(([request, changes]) => changes.reduce((changed, change) => change(changed), request))
