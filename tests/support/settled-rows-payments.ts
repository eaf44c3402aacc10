import { ecdsaSign } from 'secp256k1/bindings'
import { bytesToHex } from 'viem'
import { keyText } from '@/lib/adapters/postgres/settlement-row'
import { type Hex, lowerHex } from '@/lib/core/hex'
import { transferCall } from '@/lib/payments/exact-eip3009/calls'
import { authorizationDigest } from '@/lib/payments/exact-eip3009/digest'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { randomHex, type StoredSettlement, settlementRow } from './settlements'

export const NETWORK = `eip155:${LOCAL_CHAIN_ID}`
export const ASSET = lowerHex(LOCAL_USDC)

const SELLERS = [randomHex(20), randomHex(20)] as const
const PAYERS = [0, 2, 3, 4].map((index) => {
  const account = DEV_ACCOUNTS[index] as (typeof DEV_ACCOUNTS)[number]
  return { address: lowerHex(account.address), key: account.getHdKey().privateKey as Uint8Array }
})
const DOMAIN = { name: 'USDC', version: '2', chainId: LOCAL_CHAIN_ID, verifyingContract: ASSET }

const VALID_SECONDS = 86_400n

export type Payment = Pick<StoredSettlement, 'payer' | 'payTo' | 'amount' | 'nonce' | 'validBefore' | 'callData'>

let made = 0

/** A payment that is truly signed; with `isBad` by somebody else than its payer, so that it fails on chain. */
export function signedPayment({ isBad = false, validBefore }: { isBad?: boolean; validBefore?: bigint } = {}): Payment {
  const payer = PAYERS[made % PAYERS.length] as (typeof PAYERS)[number]
  const until = validBefore ?? BigInt(Math.floor(Date.now() / 1000)) + VALID_SECONDS
  const authorization = {
    from: payer.address,
    to: SELLERS[made % SELLERS.length] as Hex,
    // All amounts differ, so that one payment cannot be taken for another.
    value: 10_000n + BigInt(made++),
    validAfter: 0n,
    validBefore: until,
    nonce: randomHex(32),
  }
  const key = isBad ? Buffer.alloc(32, 7) : payer.key
  const { signature, recid } = ecdsaSign(authorizationDigest(DOMAIN, authorization), key)
  const full: Hex = `${bytesToHex(signature)}${(27 + recid).toString(16)}`
  const { from, to, value, nonce } = authorization
  return {
    payer: from,
    payTo: to,
    amount: value,
    nonce,
    validBefore: until,
    callData: transferCall(authorization, full),
  }
}

/** The row of a payment, of each tenant in turn. */
export function rowOf(
  { tenants }: { tenants: readonly string[] },
  payment: Payment,
  changes: Partial<StoredSettlement>,
): StoredSettlement {
  const tenantId = tenants[made++ % tenants.length] as string
  const paymentKey = keyText({
    network: NETWORK,
    asset: ASSET,
    payer: payment.payer as Hex,
    nonce: payment.nonce as Hex,
  })
  return settlementRow({ tenantId, network: NETWORK, asset: ASSET, paymentKey, ...payment, ...changes })
}
