import { randomBytes } from 'node:crypto'
import { type Address, bytesToHex, type Hex, type LocalAccount } from 'viem'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import { DEV_PAYEE, DEV_PAYER } from '@/scripts/local/dev-accounts'
import { AUTHORIZATION_TYPES } from '@/scripts/local/sign-payment'

export type Authorization = {
  from: Address
  to: Address
  value: string
  validAfter: string
  validBefore: string
  nonce: Hex
}
export type Domain = { name: string; version: string; chainId: number; verifyingContract: Address }

export type PaymentOptions = {
  x402Version?: 1 | 2
  payer?: LocalAccount
  amount?: string
  payTo?: Address
  /** Fields of what is signed, in the place of those that fit the requirements. */
  authorization?: Partial<Authorization>
  domain?: Partial<Domain>
  requirements?: Record<string, unknown>
  resource?: string
  /** In the place of the payer's own signature. */
  signature?: Hex
}

export type PaymentBody = ReturnType<typeof assemble>

/** A truly signed payment over the local USDC, valid unless an option says otherwise. */
export async function buildPayment(options: PaymentOptions = {}): Promise<PaymentBody> {
  const { payer = DEV_PAYER, amount = '10000', payTo = DEV_PAYEE.address } = options
  const authorization: Authorization = {
    from: payer.address,
    to: payTo,
    value: amount,
    validAfter: '0',
    validBefore: String(Math.floor(Date.now() / 1000) + 3_600),
    nonce: bytesToHex(randomBytes(32)),
    ...options.authorization,
  }
  const domain = {
    name: 'USDC',
    version: '2',
    chainId: LOCAL_CHAIN_ID,
    verifyingContract: LOCAL_USDC,
    ...options.domain,
  }
  const signature = options.signature ?? (await signAuthorization(payer, domain, authorization))
  return assemble(options, { amount, payTo, authorization, signature })
}

export function signAuthorization(payer: LocalAccount, domain: Domain, authorization: Authorization): Promise<Hex> {
  const { value, validAfter, validBefore } = authorization
  return payer.signTypedData({
    domain,
    types: AUTHORIZATION_TYPES,
    primaryType: 'TransferWithAuthorization',
    message: {
      ...authorization,
      value: BigInt(value),
      validAfter: BigInt(validAfter),
      validBefore: BigInt(validBefore),
    },
  })
}

type Parts = { amount: string; payTo: Address; authorization: Authorization; signature: Hex }

function assemble({ x402Version = 2, requirements: changes, resource }: PaymentOptions, parts: Parts) {
  const { amount, payTo, authorization, signature } = parts
  const isV1 = x402Version === 1
  const network = isV1 ? 'base-sepolia' : `eip155:${LOCAL_CHAIN_ID}`
  const requirements: Record<string, unknown> = {
    scheme: 'exact',
    network,
    [isV1 ? 'maxAmountRequired' : 'amount']: amount,
    asset: LOCAL_USDC,
    payTo,
    maxTimeoutSeconds: 60,
    extra: { name: 'USDC', version: '2' },
    ...(isV1 && {
      resource: resource ?? 'https://seller.example/weather',
      description: '',
      mimeType: 'application/json',
    }),
    ...changes,
  }
  const paymentPayload: Record<string, unknown> & { payload: { signature: Hex; authorization: Authorization } } = {
    x402Version,
    ...(isV1
      ? { scheme: 'exact', network }
      : { accepted: requirements, ...(resource && { resource: { url: resource } }) }),
    payload: { signature, authorization },
  }
  return { x402Version, paymentPayload, paymentRequirements: requirements }
}
