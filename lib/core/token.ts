import { addressWord, type Hex } from './hex'

/** Multicall3: the same address on every network we know; there stands no other code. */
export const MULTICALL3: Hex = '0xca11bde05977b3631167028862be2a173976ca11'

/** keccak256 of `AuthorizationUsed(address,bytes32)` (EIP-3009) and `Transfer(address,address,uint256)` (ERC-20). */
export const AUTHORIZATION_USED: Hex = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
export const TRANSFER: Hex = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

const AUTHORIZATION_STATE = '0xe94a0102'
const BALANCE_OF = '0x70a08231'

/** `authorizationState(authorizer, nonce)` of EIP-3009: whether an authorization was used or cancelled. */
export function authorizationStateCall(authorizer: Hex, nonce: Hex): Hex {
  return `${AUTHORIZATION_STATE}${addressWord(authorizer)}${nonce.slice(2)}`
}

/** `balanceOf(account)` of ERC-20, in atomic units. */
export function balanceOfCall(account: Hex): Hex {
  return `${BALANCE_OF}${addressWord(account)}`
}
