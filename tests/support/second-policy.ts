import { type Hex, word } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { TransactionRequest } from '@/lib/settlements/signer'
import { POLICY } from './signing'

/** Whose wallet signs. */
export const OWN: Hex = `0x${'0a'.repeat(20)}`

/** A second reading of the rules, written on bytes and without a library, for the first to be judged by. */
export function isWithinPolicy(request: TransactionRequest): boolean {
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
