import { randomBytes } from 'node:crypto'
import { ecdsaSign } from 'secp256k1/bindings'
import { type Address, bytesToHex, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { authorizationDigest } from '@/lib/payments/exact-eip3009/digest'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import { DEV_PAYEE } from '@/scripts/local/dev-accounts'

export type BenchPayer = { address: Address; privateKey: Uint8Array }

/** Payers with keys of their own; the chain has to fund them. */
export function makePayers(count: number): BenchPayer[] {
  return Array.from({ length: count }, () => {
    const privateKey = randomBytes(32)
    return { address: privateKeyToAccount(bytesToHex(privateKey)).address, privateKey }
  })
}

/** Distinct v2 bodies, truly signed, by native code: a hundred thousand of them take seconds. */
export function makeBodies(payers: readonly BenchPayer[], count: number, amount = 1_000n): string[] {
  const validBefore = BigInt(Math.floor(Date.now() / 1000) + 86_400)
  return Array.from({ length: count }, (_, index) => {
    const payer = payers[index % payers.length] as BenchPayer
    return JSON.stringify(signBody(payer, amount, validBefore))
  })
}

function signBody({ address, privateKey }: BenchPayer, amount: bigint, validBefore: bigint) {
  const nonce = bytesToHex(randomBytes(32))
  const authorization = { from: address, to: DEV_PAYEE.address, value: amount, validAfter: 0n, validBefore, nonce }
  const domain = { name: 'USDC', version: '2', chainId: LOCAL_CHAIN_ID, verifyingContract: LOCAL_USDC }
  const { signature, recid } = ecdsaSign(authorizationDigest(domain, authorization as never), privateKey)
  const requirements = {
    scheme: 'exact',
    network: `eip155:${LOCAL_CHAIN_ID}`,
    amount: String(amount),
    asset: LOCAL_USDC,
    payTo: DEV_PAYEE.address,
    maxTimeoutSeconds: 300,
    extra: { name: 'USDC', version: '2' },
  }
  const wire = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, String(value)]))
  const full: Hex = `${bytesToHex(signature)}${(27 + recid).toString(16)}`
  return {
    x402Version: 2,
    paymentPayload: { x402Version: 2, accepted: requirements, payload: { signature: full, authorization: wire } },
    paymentRequirements: requirements,
  }
}
