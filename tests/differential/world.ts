import {
  type Address,
  bytesToHex,
  encodeDeployData,
  encodeFunctionData,
  getAddress,
  type Hex,
  keccak256,
  pad,
  toHex,
} from 'viem'
import { privateKeyToAddress } from 'viem/accounts'
import { LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_PAYEE, TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { deployToken, mint } from '@/scripts/local/usdc'
import { circleContract, delegation, WALLET_CODE, type WalletCode } from './contracts'
import { addressOf, keyOf } from './random'
import { authorizationDigest, cancellationDigest, sign } from './signing'
import { EURC, ODD_TOKENS, type OddToken, oddTokenCode, USDC } from './tokens'

/** What a payment is over unless it says otherwise, and what the payer "exact" holds. */
export const AMOUNT = 10_000n
const RICH = 1_000_000_000n
const BALANCES: Readonly<Record<string, bigint>> = {
  poor: 0n,
  exact: AMOUNT,
  oneShort: AMOUNT - 1n,
  'poor wallet': 0n,
  'delegated, poor': 0n,
}

export const PAYEE: Address = DEV_PAYEE.address
export const BLACKLISTED_PAYEE = addressOf('blacklisted payee')

export type Payer = {
  name: string
  address: Address
  /** Signs for it. */
  key: Uint8Array
  kind: 'account' | 'wallet' | 'delegated' | 'undeployed'
  usedNonce: Hex
  cancelledNonce: Hex
}

export type World = {
  running: RunningChain
  payers: readonly Payer[]
  pause(isPaused: boolean): Promise<void>
  clearBlacklist(): Promise<void>
  /** Mines a block a second before `now`: the one on which all payments are then judged. */
  mineAt(now: number): Promise<void>
}

type CallToken = (functionName: string, args?: unknown[]) => Promise<unknown>

const fiatToken = circleContract('v2/FiatTokenV2_2.sol/FiatTokenV2_2')
const owner = TOKEN_OWNER.address

/** A local chain with every kind of payer on it. It mines only when it is sent something. */
export async function buildWorld(): Promise<World> {
  const running = await startLocalChain({ blockSeconds: 0, folder: null })
  try {
    return await populate(running)
  } catch (error) {
    await running.stop()
    throw error
  }
}

async function populate(running: RunningChain): Promise<World> {
  const { chain } = running
  const callToken: CallToken = (functionName, args = []) =>
    chain.send(owner, LOCAL_USDC, encodeFunctionData({ abi: fiatToken.abi, functionName, args }))

  await deployToken(chain, { ...EURC, symbol: 'EURC', currency: 'EUR' }, owner)
  for (const name of Object.keys(ODD_TOKENS) as OddToken[]) {
    await chain.call('anvil_setCode', [ODD_TOKENS[name].address, oddTokenCode(name)])
  }
  const payers = [...makeAccounts(), ...(await makeWallets(chain)), ...(await makeDelegated(chain))]
  for (const payer of payers) await fund(chain, payer)
  for (const payer of payers.filter(canSpend)) await spendNonces(callToken, payer)
  const blacklist = [BLACKLISTED_PAYEE, ...payers.filter(({ name }) => name === 'blacklisted').map((it) => it.address)]
  for (const account of blacklist) await callToken('blacklist', [account])

  return {
    running,
    payers,
    pause: async (isPaused) => void (await callToken(isPaused ? 'pause' : 'unpause')),
    async clearBlacklist() {
      for (const account of blacklist) await callToken('unBlacklist', [account])
    },
    async mineAt(now) {
      await chain.call('evm_setNextBlockTimestamp', [now - 1])
      await chain.call('evm_mine')
    },
  }
}

function payer(name: string, kind: Payer['kind'], address: Address): Payer {
  const nonce = (use: string) => keccak256(toHex(`${name} ${use}`))
  return { name, kind, address, key: keyOf(name), usedNonce: nonce('used'), cancelledNonce: nonce('cancelled') }
}

function keyAddress(name: string): Address {
  return privateKeyToAddress(bytesToHex(keyOf(name)))
}

function makeAccounts(): Payer[] {
  const names = ['rich', 'other', 'poor', 'exact', 'oneShort', 'blacklisted']
  return [
    ...names.map((name) => payer(name, 'account', keyAddress(name))),
    payer('undeployed', 'undeployed', addressOf('undeployed wallet')),
  ]
}

async function makeWallets(chain: LocalChain): Promise<Payer[]> {
  const mock = async (name: string, contract: string, args: unknown[] = []) =>
    payer(name, 'wallet', await deployWallet(chain, contract, args))
  const byHand = async (code: WalletCode) => {
    const address = addressOf(`wallet ${code}`)
    await chain.call('anvil_setCode', [address, WALLET_CODE[code]])
    return payer(`wallet ${code}`, 'wallet', address)
  }
  return [
    await mock('wallet', 'MockERC1271Wallet', [keyAddress('wallet')]),
    await mock('poor wallet', 'MockERC1271Wallet', [keyAddress('poor wallet')]),
    await mock('wallet of garbage', 'MockERC1271WalletReturningBytes32'),
    await mock('wallet that refuses', 'MockERC1271WalletWithCustomValidation', [owner]),
    await mock('wallet that writes', 'MockStateModifyingERC1271Wallet'),
    ...(await Promise.all((Object.keys(WALLET_CODE) as WalletCode[]).map(byHand))),
  ]
}

async function deployWallet(chain: LocalChain, contract: string, args: unknown[]): Promise<Address> {
  const { abi, bytecode } = circleContract(`test/MockERC1271Wallet.sol/${contract}`)
  return getAddress(await chain.deploy(owner, encodeDeployData({ abi, bytecode, args })))
}

/** Accounts that follow a delegate's code (EIP-7702). Circle's mock reads its owner from the account's own slot 0. */
async function makeDelegated(chain: LocalChain): Promise<Payer[]> {
  const mock = await deployWallet(chain, 'MockERC1271Wallet', [owner])
  const follow = async (name: string, delegate: Address, slot0?: Address) => {
    const address = keyAddress(name)
    await chain.call('anvil_setCode', [address, delegation(delegate)])
    if (slot0) await chain.call('anvil_setStorageAt', [address, pad('0x0'), pad(slot0)])
    return payer(name, 'delegated', address)
  }
  const codeOf = (code: WalletCode) => addressOf(`wallet ${code}`)
  return [
    await follow('delegated', mock, keyAddress('delegated')),
    await follow('delegated, poor', mock, keyAddress('delegated, poor')),
    await follow('delegated, of another owner', mock, keyAddress('delegated')),
    await follow('delegated to nothing', addressOf('delegate without code')),
    await follow('delegated, accepts all', codeOf('acceptsAll')),
    await follow('delegated, silent', codeOf('answersNothing')),
    await follow('delegated, accepts before the token only', codeOf('acceptsBeforeTokenOnly')),
    await follow('delegated, needs two million gas', codeOf('needsTwoMillionGas')),
  ]
}

async function fund(chain: LocalChain, { name, address }: Payer): Promise<void> {
  const amount = BALANCES[name] ?? RICH
  if (amount === 0n) return
  await mint(chain, LOCAL_USDC, owner, address, amount)
  await mint(chain, EURC.address, owner, address, amount)
}

const SPENDERS = ['wallet', 'poor wallet', 'delegated', 'delegated, poor']

/** Whether the token takes what its key signs, so that its nonces can be spent for real. */
function canSpend({ name, kind }: Payer): boolean {
  return kind === 'account' || SPENDERS.includes(name)
}

/** One authorization used, by a transfer of nothing, and one cancelled. */
async function spendNonces(callToken: CallToken, { address, key, usedNonce, cancelledNonce }: Payer): Promise<void> {
  const validBefore = 2n ** 256n - 1n
  const transfer = { from: address, to: PAYEE, value: 0n, validAfter: 0n, validBefore, nonce: usedNonce }
  const signature = sign(authorizationDigest(USDC, transfer), key)
  await callToken('transferWithAuthorization', [...Object.values(transfer), signature])
  const cancellation = { authorizer: address, nonce: cancelledNonce }
  await callToken('cancelAuthorization', [
    ...Object.values(cancellation),
    sign(cancellationDigest(USDC, cancellation), key),
  ])
}
