import { randomBytes } from 'node:crypto'
import { ecdsaSign } from 'secp256k1/bindings'
import { type Address, bytesToHex, encodeAbiParameters, type Hex, keccak256, numberToHex, pad } from 'viem'
import { lowerHex } from '@/lib/core/hex'
import { transferCall } from '@/lib/payments/exact-eip3009/calls'
import { authorizationDigest } from '@/lib/payments/exact-eip3009/digest'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_PAYEE } from '@/scripts/local/dev-accounts'
import { type BenchPayer, makePayers } from '@/tests/bench/payments'

export type Payer = BenchPayer

/** A body of /settle, and the call of the token that settles it, which anybody may make. */
export type SignedPayment = {
  body: string
  callData: Hex
  transfer: { payer: Hex; payTo: Hex; amount: bigint; nonce: Hex; validBefore: bigint }
}

export const PRICE = 1_000n
const PAYEE = lowerHex(DEV_PAYEE.address)
const DOMAIN = { name: 'USDC', version: '2', chainId: LOCAL_CHAIN_ID, verifyingContract: lowerHex(LOCAL_USDC) }
const VALID_SECONDS = 3_600
/** Of FiatTokenV2_2: balances and the blacklist share a mapping. */
const BALANCES_SLOT = 9n

type Terms = { amount?: bigint; validSeconds?: number; nonce?: Hex; payTo?: Hex }

/** A truly signed payment, valid for an hour unless told otherwise. */
export function signPayment(payer: Payer, terms: Terms = {}): SignedPayment {
  const { amount = PRICE, validSeconds = VALID_SECONDS, payTo = PAYEE, nonce = bytesToHex(randomBytes(32)) } = terms
  const from = lowerHex(payer.address)
  const validBefore = BigInt(Math.floor(Date.now() / 1000) + validSeconds)
  const authorization = { from, to: payTo, value: amount, validAfter: 0n, validBefore, nonce }
  const { signature, recid } = ecdsaSign(authorizationDigest(DOMAIN, authorization), payer.privateKey)
  const full: Hex = `${bytesToHex(signature)}${(27 + recid).toString(16)}`
  const requirements = {
    scheme: 'exact',
    network: `eip155:${LOCAL_CHAIN_ID}`,
    amount: String(amount),
    asset: LOCAL_USDC,
    payTo,
    maxTimeoutSeconds: 300,
    extra: { name: 'USDC', version: '2' },
  }
  const wire = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, String(value)]))
  const payload = { signature: full, authorization: wire }
  return {
    body: JSON.stringify({
      x402Version: 2,
      paymentPayload: { x402Version: 2, accepted: requirements, payload },
      paymentRequirements: requirements,
    }),
    callData: transferCall(authorization, full),
    transfer: { payer: from, payTo, amount, nonce, validBefore },
  }
}

/** Payers with money, whose payments the chain takes. */
export async function fundedPayers(chain: LocalChain, count: number, balance = 1_000_000n): Promise<Payer[]> {
  const payers = makePayers(count)
  await setBalances(chain, payers, balance)
  return payers
}

/** Gives or takes tokens without a transaction: between two blocks, as somebody else's transfer in the same block does. */
export async function setBalances(chain: LocalChain, payers: readonly Payer[], balance: bigint): Promise<void> {
  await Promise.all(
    payers.map(({ address }) => {
      const key = encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [address, BALANCES_SLOT])
      return chain.call('anvil_setStorageAt', [LOCAL_USDC, keccak256(key), pad(numberToHex(balance))])
    }),
  )
}

/** What the token says that an account holds. */
export async function balanceOf(chain: LocalChain, account: Address): Promise<bigint> {
  const data = `0x70a08231${pad(account).slice(2)}`
  return BigInt(await chain.call<Hex>('eth_call', [{ to: LOCAL_USDC, data }, 'latest']))
}
