import { type Hex, word } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import type { Settlement } from '@/lib/settlements/settlement'
import type { Log } from '@/lib/settlements/settlement-chain'
import { network } from './parsed-payment'

export const NOW = Date.parse('2026-11-21T12:00:00Z')
export const BASE_SEPOLIA = network('eip155:84532')
export const USDC: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e'

/** An address of its own for every number. */
export const addressOf = (number: number): Hex => `0x${number.toString(16).padStart(40, '0')}`
export const nonceOf = (number: number): Hex => `0x${word(number)}`

let made = 0

/** A settlement as the domain knows it: queued, and different from every other. */
export function aSettlement(changes: Partial<Settlement> = {}): Settlement {
  made++
  return {
    id: newId('settlement', NOW + made),
    tenantId: newId('tenant', NOW),
    mode: 'test',
    requirementsHash: 'terms',
    x402Version: 2,
    network: BASE_SEPOLIA.id,
    asset: USDC,
    payer: addressOf(0xa0000 + made),
    payTo: addressOf(0xb0000),
    amount: 10_000n,
    nonce: nonceOf(made),
    validAfter: 0n,
    validBefore: BigInt(NOW / 1_000 + 60),
    callData: '0xe3ee160e',
    state: 'queued',
    version: 0,
    reason: null,
    message: null,
    seenUnusedBlock: 100n,
    releasedAt: null,
    transactionHash: null,
    mined: null,
    isOtherFinal: false,
    grantedAt: null,
    grantKey: null,
    createdAt: new Date(NOW),
    settledAt: null,
    ...changes,
  }
}

/** keccak256 of `AuthorizationUsed(address,bytes32)` and `Transfer(address,address,uint256)`. */
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

type Paid = { asset: Hex; payer: Hex; payTo: Hex; amount: bigint; nonce: Hex }
type Unplaced = Omit<Log, 'position'>

export function authorizationUsed({ asset, payer, nonce }: Pick<Paid, 'asset' | 'payer' | 'nonce'>): Unplaced {
  return { address: asset, topics: [AUTHORIZATION_USED, topicOf(payer), nonce], data: '0x' }
}

export function transfer({ asset, payer, payTo, amount }: Omit<Paid, 'nonce'>): Unplaced {
  return { address: asset, topics: [TRANSFER, topicOf(payer), topicOf(payTo)], data: `0x${word(amount)}` }
}

/** What a token logs for one payment. */
export const paying = (payment: Paid): Unplaced[] => [authorizationUsed(payment), transfer(payment)]

/** Logs at their positions within the transaction. */
export const placed = (...logs: Unplaced[]): Log[] => logs.map((log, position) => ({ ...log, position }))

const topicOf = (address: Hex): Hex => `0x${word(BigInt(address))}`
