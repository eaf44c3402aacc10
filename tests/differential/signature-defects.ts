import { bytesToHex, encodeFunctionData, type Hex, isHex, parseAbi, zeroAddress } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { type Defect, defect, findPayer, type Mark, type Tools } from './defect'
import { type Draft, NOW, signDraft, signedAuthorization } from './draft'
import { keyOf } from './random'
import { authorizationDigest, sign, wrapped } from './signing'
import { USDC } from './tokens'

type Tamper = (signature: Hex, tools: Tools, draft: Draft) => unknown

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const TRANSFER = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
])

/** A defect of the signature; where there is none to tamper with it stays as it is. */
function tampered(name: string, tamper: Tamper, marks: readonly Mark[] = []): Defect {
  const apply = (draft: Draft, tools: Tools) => {
    const { signature } = draft
    if (isHex(signature)) draft.signature = tamper(signature, tools, draft)
  }
  return defect(`signature ${name}`, 'signature', apply, { when: ['after'], marks })
}

/** A defect of a 65-byte signature, read as r, s and v. */
function rewritten(name: string, rewrite: (r: bigint, s: bigint, v: number) => [bigint, bigint, number]): Defect {
  return tampered(name, (signature) => {
    if (signature.length !== 132) return signature
    const [r, s] = [BigInt(signature.slice(0, 66)), BigInt(`0x${signature.slice(66, 130)}`)]
    const [newR, newS, newV] = rewrite(r, s, Number.parseInt(signature.slice(130), 16))
    return `0x${hex(newR, 64)}${hex(newS, 64)}${hex(BigInt(newV), 2)}`
  })
}

const ECDSA: readonly Defect[] = [
  rewritten('with v of 0 or 1', (r, s, v) => [r, s, v - 27]),
  rewritten('with the other v', (r, s, v) => [r, s, 55 - v]),
  ...[2, 26, 29, 35, 255].map((wrong) => rewritten(`with v of ${wrong}`, (r, s) => [r, s, wrong])),
  rewritten('with high s', (r, s, v) => [r, CURVE_ORDER - s, 55 - v]),
  rewritten('with high s and v of 0 or 1', (r, s, v) => [r, CURVE_ORDER - s, 28 - v]),
  rewritten('with high s and the old v', (r, s, v) => [r, CURVE_ORDER - s, v]),
  rewritten('with s of zero', (r, _, v) => [r, 0n, v]),
  rewritten('with r of zero', (_, s, v) => [0n, s, v]),
  rewritten('with r beyond the order', (_, s, v) => [CURVE_ORDER, s, v]),
  rewritten('with s beyond the order', (r, _, v) => [r, CURVE_ORDER, v]),
  tampered('of EIP-2098', (signature) => {
    if (signature.length !== 132) return signature
    const s = BigInt(`0x${signature.slice(66, 130)}`) | (signature.endsWith('1c') ? 1n << 255n : 0n)
    return `${signature.slice(0, 66)}${hex(s, 64)}`
  }),
]

const BYTES: readonly Defect[] = [
  tampered('with one byte changed', changeByte),
  tampered('with another byte changed', changeByte),
  tampered('of another key', (_, { payers }, draft) => {
    const other = { ...draft, payer: { ...draft.payer, key: findPayer(payers, 'other').key } }
    signDraft(other)
    return other.signature
  }),
  tampered('of 64 bytes', (signature) => signature.slice(0, -2)),
  tampered('of 66 bytes', (signature) => `${signature}00`),
  tampered('of 130 bytes', (signature) => `${signature}${signature.slice(2)}`),
  tampered('of one byte', () => '0x01'),
  tampered('of zeros', () => `0x${'00'.repeat(65)}`),
  tampered('of random bytes', (_, { random }) => bytesToHex(random.bytes(65))),
  tampered('of 2 KB', (_, { random }) => bytesToHex(random.bytes(2_000))),
  tampered('of 28 KB', (_, { random }) => bytesToHex(random.bytes(28_000)), ['signature huge']),
  tampered('empty', () => '0x'),
  tampered('in upper case', (signature) => `0x${signature.slice(2).toUpperCase()}`),
  ...badlyWritten({
    'without 0x': (signature) => signature.slice(2),
    'with an odd digit': (signature) => signature.slice(0, -1),
    'not in hex': (signature) => `${signature.slice(0, -1)}g`,
    'an empty text': () => '',
    missing: () => undefined,
    null: () => null,
  }),
]

const WRAPPED: readonly Defect[] = [
  tampered('in an ERC-6492 wrapper', (signature) => wrapped(signature), ['wrapped']),
  tampered('in two ERC-6492 wrappers', (signature) => wrapped(wrapped(signature)), ['wrapped']),
  tampered('in a wrapper without a factory call', (signature) => wrapped(signature, undefined, '0x'), ['wrapped']),
  tampered('in a wrapper without a factory', (signature) => wrapped(signature, zeroAddress), ['wrapped']),
  tampered('in a wrapper, empty', () => wrapped('0x'), ['wrapped']),
  tampered('in a wrapper, broken', (signature) => `${signature}${'6492'.repeat(16)}`, ['wrapped']),
  tampered("of a wrapper's end alone", () => `0x${'6492'.repeat(16)}`, ['wrapped']),
  tampered('in a wrapper whose factory call spends it', wrapSpending, ['wrapped', 'factory call']),
  tampered('in a wrapper whose factory call funds the payer', wrapFunding, ['wrapped', 'factory call']),
]

/** Everything that can be wrong with a signature. */
export const SIGNATURE_DEFECTS: readonly Defect[] = [...ECDSA, ...BYTES, ...WRAPPED]

function badlyWritten(spellings: Record<string, (signature: string) => unknown>): Defect[] {
  return Object.entries(spellings).map(([name, write]) =>
    tampered(name, (signature) => write(signature), ['payload badly formed']),
  )
}

function changeByte(signature: Hex, { random }: Tools): string {
  const bytes = Buffer.from(signature.slice(2), 'hex')
  const at = random.below(Math.max(bytes.length, 1))
  if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 + random.below(255))
  return bytesToHex(bytes)
}

/** A factory call that makes the transfer itself: in a simulation that calls the factory first it fails the second time. */
function wrapSpending(signature: Hex, _: Tools, draft: Draft): Hex {
  return wrapped(signature, LOCAL_USDC, transferCall(signedAuthorization(draft), signature))
}

/** A factory call by which another account pays the payer: it holds for the simulation alone. */
function wrapFunding(signature: Hex, { payers, random }: Tools, { payer }: Draft): Hex {
  const giver = findPayer(payers, 'rich')
  const gift = {
    from: giver.address,
    to: payer.address,
    value: 1_000_000n,
    validAfter: 0n,
    validBefore: BigInt(NOW + 60),
    nonce: bytesToHex(random.bytes(32)),
  }
  return wrapped(signature, LOCAL_USDC, transferCall(gift, sign(authorizationDigest(USDC, gift), keyOf('rich'))))
}

function transferCall(authorization: ReturnType<typeof signedAuthorization>, signature: Hex): Hex {
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  return encodeFunctionData({
    abi: TRANSFER,
    args: [from, to, value, validAfter, validBefore, nonce, signature],
  })
}

function hex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
