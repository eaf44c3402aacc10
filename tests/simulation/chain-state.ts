import { addressWord, type Hex, word } from '@/lib/core/hex'
import type { Log } from '@/lib/settlements/settlement-chain'

/** keccak256 of the events' signatures, as the token logs them. */
const AUTHORIZATION_USED: Hex = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
const AUTHORIZATION_CANCELED: Hex = '0x1cdd46ff242716cdaa72d159d339a485b3438398348d68f09d7c8c0a59353d81'
const TRANSFER: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

export type Authorization = {
  asset: Hex
  payer: Hex
  payTo: Hex
  amount: bigint
  validAfter: bigint
  validBefore: bigint
  nonce: Hex
  callData: Hex
}

/** `wallet`: a contract that checks by itself, and needs gas. `burner`: it uses up whatever it gets. */
type Code = 'wallet' | 'burner'

/** The token and the accounts as of one block. */
export type State = {
  balances: Map<string, bigint>
  authorizations: Map<string, 'used' | 'cancelled'>
  code: Map<string, Code>
  nonces: Map<string, bigint>
}

export const GAS_OF_TRANSFER = 50_000n
const GAS_OF_WALLET = 300_000n

export function copyOf({ balances, authorizations, code, nonces }: State): State {
  return {
    balances: new Map(balances),
    authorizations: new Map(authorizations),
    code: new Map(code),
    nonces: new Map(nonces),
  }
}

export const authorizationKey = ({ payer, nonce }: { payer: Hex; nonce: Hex }): string => `${payer}/${nonce}`

type Unplaced = Omit<Log, 'position'>

export function usedLog({ asset, payer, nonce }: Pick<Authorization, 'asset' | 'payer' | 'nonce'>): Unplaced {
  return { address: asset, topics: [AUTHORIZATION_USED, `0x${addressWord(payer)}`, nonce], data: '0x' }
}

export function transferLog({ asset, payer, payTo, amount }: Omit<Transfer, 'nonce'>): Unplaced {
  const topics: Hex[] = [TRANSFER, `0x${addressWord(payer)}`, `0x${addressWord(payTo)}`]
  return { address: asset, topics, data: `0x${word(amount)}` }
}

export function isTransferLog({ topics }: Unplaced): boolean {
  return topics[0] === TRANSFER
}

export function cancelledLog({ asset, payer, nonce }: Pick<Authorization, 'asset' | 'payer' | 'nonce'>): Unplaced {
  return { address: asset, topics: [AUTHORIZATION_CANCELED, `0x${addressWord(payer)}`, nonce], data: '0x' }
}

type Transfer = Pick<Authorization, 'asset' | 'payer' | 'payTo' | 'amount' | 'nonce'>
type Called = { logs: Unplaced[] | null; gasUsed: bigint }

/** `transferWithAuthorization` as the token carries it out: the logs, or null where it reverts. */
export function transfer(state: State, authorization: Authorization, at: { seconds: number; gas: bigint }): Called {
  const { payer, payTo, amount } = authorization
  const code = state.code.get(payer)
  const needed = code ? GAS_OF_WALLET : GAS_OF_TRANSFER
  if (code === 'burner' || at.gas < needed) return { logs: null, gasUsed: at.gas }
  const isTimely = BigInt(at.seconds) > authorization.validAfter && BigInt(at.seconds) < authorization.validBefore
  const isUnused = !state.authorizations.has(authorizationKey(authorization))
  const balance = state.balances.get(payer) ?? 0n
  if (!isTimely || !isUnused || balance < amount) return { logs: null, gasUsed: needed / 2n }
  state.authorizations.set(authorizationKey(authorization), 'used')
  move(state, payer, payTo, amount)
  return { logs: [usedLog(authorization), transferLog(authorization)], gasUsed: needed }
}

export function move(state: State, from: Hex, to: Hex, amount: bigint): void {
  state.balances.set(from, (state.balances.get(from) ?? 0n) - amount)
  state.balances.set(to, (state.balances.get(to) ?? 0n) + amount)
}
