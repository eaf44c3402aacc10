import { encodeFunctionData, parseAbi } from 'viem'
import { describe, expect, it } from 'vitest'
import { type Hex, word } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { TransactionRequest } from '@/lib/settlements/signer'
import { checkTransaction } from '@/lib/settlements/transaction-policy'
import { fastestMs } from '@/tests/support/fastest-ms'
import {
  batchRequest,
  directRequest,
  POLICY,
  payments,
  TOKEN,
  TRANSFER_WITH_BYTES,
  transferData,
} from '@/tests/support/signing'

const OWN: Hex = `0x${'0a'.repeat(20)}`
const STRANGER: Hex = `0x${'bd'.repeat(20)}`
const check = (request: TransactionRequest, policy = POLICY) => checkTransaction(policy, request, OWN)
const upper = (hex: Hex) => `0x${hex.slice(2).toUpperCase()}` as Hex
const member = (target: Hex, data: Hex) => ({ target, data })
const replaceWord = (data: Hex, index: number, value: bigint) =>
  `${data.slice(0, 10 + index * 64)}${word(value)}${data.slice(10 + (index + 1) * 64)}` as Hex

describe('what may be signed', () => {
  it.each<[string, TransactionRequest]>([
    ['one payment with v, r, s', directRequest()],
    ['one payment with the signature as bytes', directRequest({ data: transferData(1, TRANSFER_WITH_BYTES) })],
    ['a payment whose hex is in capitals', directRequest({ to: upper(TOKEN), data: upper(transferData(171)) })],
    ['a batch of one', batchRequest(payments(1))],
    ['a batch of 100', batchRequest(payments(100))],
    ['a batch in capitals', ((request) => ({ ...request, data: upper(request.data) }))(batchRequest(payments(3)))],
    [
      'a batch over several listed tokens',
      batchRequest([...POLICY.assets].map((token) => member(token, transferData()))),
    ],
    ['a batch of both overloads', batchRequest([...payments(2), member(TOKEN, transferData(3, TRANSFER_WITH_BYTES))])],
    ['a call to the wallet itself without data', directRequest({ to: OWN, data: '0x', gas: 21_000n })],
    ['exactly the gas of one payment', directRequest({ gas: 200_000n })],
    ['exactly the gas of a batch', batchRequest(payments(10), { gas: 1_550_000n })],
    ['exactly the gas of the network', batchRequest(payments(100), { gas: POLICY.transactionGas })],
    ['exactly the fee cap', directRequest({ maxFeePerGas: POLICY.feeCapWei, maxPriorityFeePerGas: POLICY.feeCapWei })],
    [
      'the first transaction of a wallet, free of fees',
      directRequest({ nonce: 0n, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n }),
    ],
    ['a signature of a wallet that is long', directRequest({ data: `${transferData()}${'ab'.repeat(119_000)}` })],
  ])('%s', (_, request) => {
    expect(check(request)).toBeNull()
  })

  it('whether a call of a batch may fail is not for the policy to say', () => {
    const abi = parseAbi(['function aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable'])
    const args = [[{ target: TOKEN, allowFailure: false, callData: transferData() }]] as const
    expect(check(directRequest({ to: MULTICALL3, data: encodeFunctionData({ abi, args }) }))).toBeNull()
  })
})

describe('what is never signed', () => {
  const batch = batchRequest(payments(3))
  const changed = (change: (data: Hex) => string) => ({ ...batch, data: change(batch.data) as Hex })

  it.each<[string, TransactionRequest, string]>([
    ['another chain', directRequest({ chainId: 1 }), 'chain 1'],
    ['a token that is not listed', directRequest({ to: STRANGER }), 'not a listed token'],
    ['ether sent to a stranger', directRequest({ to: STRANGER, data: '0x' }), 'without data'],
    ['a token without data', directRequest({ data: '0x' }), 'without data'],
    ['Multicall3 without data', directRequest({ to: MULTICALL3, data: '0x' }), 'without data'],
    ['transfer of a listed token', directRequest({ data: `0xa9059cbb${word(1)}${word(1)}` }), '0xa9059cbb'],
    ['approve of a listed token', directRequest({ data: `0x095ea7b3${word(1)}${word(1)}` }), '0x095ea7b3'],
    ['receiveWithAuthorization', directRequest({ data: transferData(1, '0xef55bec6') }), '0xef55bec6'],
    ['a selector cut short', directRequest({ data: '0xe3ee16' }), '0xe3ee16'],
    ['data to the wallet itself', directRequest({ to: OWN, data: transferData() }), 'not a listed token'],
    ['half a byte', directRequest({ data: `${transferData()}a` }), 'hex'],
    ['no hex', directRequest({ data: `${transferData()}zz` }), 'hex'],
    ['a line end behind the hex', directRequest({ data: `${transferData()}\n` as Hex }), 'hex'],
    ['a line end behind the address', directRequest({ to: `${TOKEN}\n` as Hex }), 'not a listed token'],
    ['no address at all', directRequest({ to: '0x' }), 'not a listed token'],
    ['another function of Multicall3', changed((data) => `0x174dea71${data.slice(10)}`), '0x174dea71'],
    ['a payment sent to Multicall3', directRequest({ to: MULTICALL3 }), '0xe3ee160e'],
    ['aggregate3 of another contract', { ...batch, to: STRANGER }, 'not a listed token'],
    ['an empty batch', batchRequest([], { gas: 40_000n }), '1 to 100'],
    ['a batch of 101', batchRequest(payments(101)), '1 to 100'],
    ['a stranger’s contract in a batch', batchRequest([...payments(2), member(STRANGER, transferData())]), 'call 2'],
    ['approve in a batch', batchRequest([member(TOKEN, '0x095ea7b3'), ...payments(2)]), 'call 0'],
    ['a call without data in a batch', batchRequest([...payments(1), member(TOKEN, '0x')]), 'call 1'],
    ['Multicall3 in a batch', batchRequest([member(MULTICALL3, batch.data)]), 'call 0'],
    ['the wallet itself in a batch', batchRequest([member(OWN, '0x')]), 'call 0'],
    ['bytes behind a batch', changed((data) => `${data}00`), 'canonically'],
    ['a word behind a batch', changed((data) => `${data}${word(0)}`), 'canonically'],
    ['a batch cut short', changed((data) => data.slice(0, -64)), 'canonically'],
    ['a batch of its selector alone', changed((data) => data.slice(0, 10)), 'canonically'],
    ['a batch cut within its length', changed((data) => data.slice(0, 10 + 100)), 'canonically'],
    ['a list that begins elsewhere', changed((data) => replaceWord(data, 0, 64n)), 'canonically'],
    ['a list longer than its bytes', changed((data) => replaceWord(data, 1, 100n)), 'canonically'],
    ['a list shorter than its bytes', changed((data) => replaceWord(data, 1, 2n)), 'canonically'],
    ['a length of all ones', changed((data) => replaceWord(data, 1, (1n << 256n) - 1n)), 'canonically'],
    ['the same call twice by its place', changed((data) => replaceWord(data, 3, 96n)), 'canonically'],
    ['a place of all ones', changed((data) => replaceWord(data, 2, (1n << 256n) - 1n)), 'canonically'],
    ['dirt above an address', changed((data) => replaceWord(data, 5, BigInt(TOKEN) | (1n << 200n))), 'canonically'],
    ['a bool of 2', changed((data) => replaceWord(data, 6, 2n)), 'canonically'],
    ['dirt in the padding of a call', changed((data) => `${data.slice(0, -1)}1`), 'canonically'],
    ['a wei of gas too much', directRequest({ gas: 200_001n }), 'above 200000'],
    ['gas of two payments for one', batchRequest(payments(1), { gas: 350_000n }), 'above 200000'],
    ['gas above that of the network', batchRequest(payments(100), { gas: 8_000_001n }), 'network'],
    ['a no-op with the gas of a payment', directRequest({ to: OWN, data: '0x', gas: 50_001n }), 'above 50000'],
    ['a fee above the cap', directRequest({ maxFeePerGas: POLICY.feeCapWei + 1n }), 'cap'],
    ['a tip above the fee', directRequest({ maxPriorityFeePerGas: 3_000_000_001n }), 'maxPriorityFeePerGas'],
    ['a nonce below zero', directRequest({ nonce: -1n }), 'range'],
    ['a nonce that no number holds', directRequest({ nonce: 1n << 53n }), 'range'],
    ['gas below zero', directRequest({ gas: -1n }), 'range'],
    ['a fee below zero', directRequest({ maxFeePerGas: -1n, maxPriorityFeePerGas: -2n }), 'range'],
    ['a number that is not one', directRequest({ gas: Number.NaN as unknown as bigint }), 'range'],
    ['more than 120,000 bytes', directRequest({ data: `0xe3ee160e${'00'.repeat(119_997)}` }), '120000 bytes'],
  ])('%s', (_, request, reason) => {
    expect(check(request)).toContain(reason)
  })

  it('120,000 bytes exactly are taken', () => {
    expect(check(directRequest({ data: `0xe3ee160e${'00'.repeat(119_996)}` }))).toBeNull()
  })
})

describe('what it costs', () => {
  const fastest = (request: TransactionRequest) => fastestMs(() => check(request), 30)

  it('100 payments are looked at in a few milliseconds', async () => {
    expect(await fastest(batchRequest(payments(100)))).toBeLessThan(5)
  })

  it('a list that names one long call 100 times, or a million times, costs little more', async () => {
    const long = batchRequest([{ target: TOKEN, data: `${transferData()}${'ab'.repeat(100_000)}` }]).data.slice(
      10 + 192,
    )
    const bomb = (count: number, entries: number) =>
      `0x82ad56cb${word(32)}${word(count)}${word(entries * 32).repeat(entries)}${long}` as Hex
    for (const [count, entries] of [
      [100, 100],
      [1_000_000, 100],
    ] as const) {
      const request = directRequest({ to: MULTICALL3, data: bomb(count, entries) })
      expect(check(request)).toContain('canonically')
      expect(await fastest(request)).toBeLessThan(500)
    }
  })
})
