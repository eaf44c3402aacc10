import { randomBytes } from 'node:crypto'
import { type Address, bytesToHex, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { fundPayers } from '@/tests/bench/fund-payers'
import { type BenchPayer, makeBodies, makePayers } from '@/tests/bench/payments'
import { WALLET_CODE, type WalletCode } from '@/tests/differential/contracts'
import { type Authorization, buildPayment } from '@/tests/support/build-payment'
import type { VerifyAnswer } from '@/tests/support/verify-client'

/** A body of /verify, and the one right answer to it. */
export type Case = { body: string; isValid: boolean; reason: string | null }

export type Payments = {
  /** Another payment of an account at every call, truly signed. */
  valid(): Case
  /** In turn: valid ones of accounts and contract wallets, and ones that only the chain can refuse. */
  mixed(index: number): Case
  /** The block before any payer had money: what a node says that stands still there is wrong. */
  staleBlock: Hex
}

export function isRight({ isValid, reason }: Case, answer: VerifyAnswer): boolean {
  return answer.status === 200 && answer.isValid === isValid && answer.reason === reason
}

const PAYERS = 20

/** Payments whose verdict depends on the chain, so that a node that lies or fails has every chance to do harm. */
export async function preparePayments(chain: LocalChain): Promise<Payments> {
  await chain.call('evm_mine')
  const staleBlock = await chain.call<Hex>('eth_blockNumber')
  await chain.call('evm_mine')
  const payers = makePayers(PAYERS)
  const wallet = await placeWallet(chain, 'acceptsAll')
  await fundPayers(chain, [...payers, wallet])

  const valid = () => accepted(bodyOf(payers))
  const walletsBody = await walletBody(wallet.address)
  const unfunded = refused(bodyOf(makePayers(1)), 'invalid_exact_evm_insufficient_balance')
  const forged = refused(withForeignSignature(bodyOf(payers), bodyOf(payers)), 'invalid_exact_evm_signature')
  const used = refused(bodyOf(payers), 'invalid_exact_evm_nonce_already_used')
  await settle(chain, used.body)
  const turns = [valid, () => accepted(walletsBody), valid, () => unfunded, valid, () => forged, valid, () => used]
  return { valid, mixed: (index) => (turns[index % turns.length] ?? valid)(), staleBlock }
}

/** A contract wallet of hand-written code at an address of its own. */
export async function placeWallet(chain: LocalChain, code: WalletCode): Promise<BenchPayer> {
  const address = bytesToHex(randomBytes(20))
  await chain.call('anvil_setCode', [address, WALLET_CODE[code]])
  return { address, privateKey: new Uint8Array() }
}

/** A payment of a contract wallet: what stands in the signature is the wallet's own affair. */
export async function walletBody(address: Address): Promise<string> {
  const signature = bytesToHex(randomBytes(65))
  return JSON.stringify(await buildPayment({ authorization: { from: address }, amount: '1000', signature }))
}

const accepted = (body: string): Case => ({ body, isValid: true, reason: null })
const refused = (body: string, reason: string): Case => ({ body, isValid: false, reason })
const bodyOf = (payers: readonly BenchPayer[]): string => {
  const payer = payers[Math.floor(Math.random() * payers.length)] as BenchPayer
  return makeBodies([payer], 1)[0] as string
}

type Body = { paymentPayload: { payload: { signature: Hex; authorization: Authorization } } }

function withForeignSignature(body: string, other: string): string {
  const changed = JSON.parse(body) as Body
  changed.paymentPayload.payload.signature = (JSON.parse(other) as Body).paymentPayload.payload.signature
  return JSON.stringify(changed)
}

const TRANSFER = parseAbi([
  'function transferWithAuthorization(address, address, uint256, uint256, uint256, bytes32, bytes)',
])

async function settle(chain: LocalChain, body: string): Promise<void> {
  const { authorization, signature } = (JSON.parse(body) as Body).paymentPayload.payload
  const { from, to, value, validAfter, validBefore, nonce } = authorization
  const args = [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, signature] as const
  await chain.send(TOKEN_OWNER.address, LOCAL_USDC, encodeFunctionData({ abi: TRANSFER, args }))
}
