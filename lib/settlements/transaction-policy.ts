import { decodeFunctionData, encodeFunctionData, parseAbi } from 'viem'
import { type Hex, isHex, lowerHex } from '@/lib/core/hex'
import { MULTICALL3 } from '@/lib/core/token'
import type { TransactionRequest } from './signer'

/** What a wallet may sign on one network. */
export type TransactionPolicy = {
  chainId: number
  /** Listed tokens, in lower case. */
  assets: ReadonlySet<Hex>
  gasPerPayment: bigint
  /** The most gas that the network takes in one transaction. */
  transactionGas: bigint
  feeCapWei: bigint
}

const MULTICALL3_ABI = parseAbi([
  'struct Call { address target; bool allowFailure; bytes callData; }',
  'function aggregate3(Call[] calls) payable',
])
const AGGREGATE3 = '0x82ad56cb'
/** `transferWithAuthorization` of FiatTokenV2_2: with v, r, s, and with the signature as bytes. */
const TRANSFERS: ReadonlySet<string> = new Set(['0xe3ee160e', '0xcf092995'])
const MAX_PAYMENTS = 100
const MAX_DATA_BYTES = 120_000
/** Gas that a transaction needs beside its payments. */
const OVERHEAD_GAS = 50_000n
const WORD_BYTES = 32
/** The words of `aggregate3`: where the list is, how long it is, then the places of its calls, counted from here. */
const LIST_AT = 2
/** Target, whether it may fail, where its data is, and how long: then the data. */
const CALL_HEAD_WORDS = 4

/**
 * Why a transaction must not be signed, or null when it may be. Allowed are payments of listed tokens, one alone or up
 * to 100 in Multicall3, and a call of the wallet to itself without data, which fills a nonce. Everything else is not.
 */
export function checkTransaction(
  policy: TransactionPolicy,
  request: TransactionRequest,
  ownAddress: Hex,
): string | null {
  if (request.chainId !== policy.chainId) return `chain ${request.chainId} is not ${policy.chainId}`
  const badNumber = checkNumbers(policy, request)
  if (badNumber) return badNumber
  if ((request.data.length - 2) / 2 > MAX_DATA_BYTES) return `data is longer than ${MAX_DATA_BYTES} bytes`
  if (!isHex(request.data)) return 'data is not whole bytes in hex'
  const payments = countPayments(policy.assets, lowerHex(request.to), lowerHex(request.data), ownAddress)
  if (typeof payments === 'string') return payments
  const gasCap = policy.gasPerPayment * BigInt(payments) + OVERHEAD_GAS
  return request.gas > gasCap ? `gas ${request.gas} is above ${gasCap}, the cap for ${payments} payments` : null
}

function checkNumbers(policy: TransactionPolicy, request: TransactionRequest): string | null {
  const { nonce, gas, maxFeePerGas, maxPriorityFeePerGas } = request
  const isNatural = [nonce, gas, maxFeePerGas, maxPriorityFeePerGas].every((n) => typeof n === 'bigint' && n >= 0n)
  if (!isNatural || nonce > BigInt(Number.MAX_SAFE_INTEGER)) return 'nonce, gas or a fee is out of range'
  if (gas > policy.transactionGas) return `gas ${gas} is above the network's ${policy.transactionGas} a transaction`
  if (maxFeePerGas > policy.feeCapWei) return `maxFeePerGas ${maxFeePerGas} is above the cap of ${policy.feeCapWei} wei`
  return maxPriorityFeePerGas > maxFeePerGas ? 'maxPriorityFeePerGas is above maxFeePerGas' : null
}

/** How many payments a call makes; a text: why it is not allowed. Takes hex in lower case. */
function countPayments(assets: ReadonlySet<Hex>, to: Hex, data: Hex, ownAddress: Hex): number | string {
  if (data === '0x') return to === lowerHex(ownAddress) ? 0 : `${to} is called without data, and is not the wallet`
  if (to === MULTICALL3) return countMembers(assets, data)
  return checkTransfer(assets, to, data) ?? 1
}

function checkTransfer(assets: ReadonlySet<Hex>, target: Hex, data: Hex): string | null {
  if (!assets.has(target)) return `${target} is not a listed token`
  return TRANSFERS.has(data.slice(0, 10)) ? null : `${data.slice(0, 10)} is not a selector of transferWithAuthorization`
}

function countMembers(assets: ReadonlySet<Hex>, data: Hex): number | string {
  if (!data.startsWith(AGGREGATE3)) return `${data.slice(0, 10)} is not the selector of aggregate3`
  const calls = decodeCalls(data)
  if (!calls) return `aggregate3 is not encoded canonically, or has not 1 to ${MAX_PAYMENTS} calls`
  for (const [index, { target, callData }] of calls.entries()) {
    const problem = checkTransfer(assets, lowerHex(target), callData)
    if (problem) return `call ${index} of aggregate3: ${problem}`
  }
  return calls.length
}

/** The calls of `aggregate3`. Null for other bytes than its encoding would give: a contract could read them otherwise. */
function decodeCalls(data: Hex) {
  if (!isSideBySide(data)) return null
  try {
    const { args } = decodeFunctionData({ abi: MULTICALL3_ABI, data })
    return encodeFunctionData({ abi: MULTICALL3_ABI, args }) === data ? args[0] : null
  } catch {
    return null
  }
}

/** Whether every call begins where the one before ends. Looked at first: calls that share bytes decode to megabytes. */
function isSideBySide(data: Hex): boolean {
  const count = wordAt(data, 1)
  if (wordAt(data, 0) !== WORD_BYTES || !(count >= 1 && count <= MAX_PAYMENTS)) return false
  let place = count * WORD_BYTES
  for (let index = 0; index < count; index++) {
    if (wordAt(data, LIST_AT + index) !== place) return false
    const length = wordAt(data, LIST_AT + place / WORD_BYTES + CALL_HEAD_WORDS - 1)
    place += (CALL_HEAD_WORDS + Math.ceil(length / WORD_BYTES)) * WORD_BYTES
  }
  return true
}

/** A word behind the selector as a number; NaN beyond the end, which equals nothing. */
function wordAt(data: Hex, index: number): number {
  const text = data.slice(10 + index * 64, 10 + (index + 1) * 64)
  return text.length === 64 ? Number(`0x${text}`) : Number.NaN
}
