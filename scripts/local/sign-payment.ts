import { randomBytes } from 'node:crypto'
import { type Address, bytesToHex, getAddress, type LocalAccount } from 'viem'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from './chain'

type SignInput = { payer: LocalAccount; payTo: string; amount: bigint; validBefore: bigint }

/** A body of /verify and /settle (x402 v2, exact, EIP-3009) over the local chain's USDC, truly signed. */
export async function signPayment({ payer, payTo, amount, validBefore }: SignInput) {
  const requirements = {
    scheme: 'exact',
    network: `eip155:${LOCAL_CHAIN_ID}`,
    amount: String(amount),
    asset: LOCAL_USDC,
    payTo: getAddress(payTo),
    maxTimeoutSeconds: 60,
    extra: { name: 'USDC', version: '2' },
  }
  const authorization = {
    from: payer.address,
    to: requirements.payTo as Address,
    value: amount,
    validAfter: 0n,
    validBefore,
    nonce: bytesToHex(randomBytes(32)),
  }
  const signature = await payer.signTypedData({
    domain: { ...requirements.extra, chainId: LOCAL_CHAIN_ID, verifyingContract: LOCAL_USDC },
    types: AUTHORIZATION_TYPES,
    primaryType: 'TransferWithAuthorization',
    message: authorization,
  })
  const wire = Object.fromEntries(Object.entries(authorization).map(([name, value]) => [name, String(value)]))
  return {
    x402Version: 2,
    paymentPayload: { x402Version: 2, accepted: requirements, payload: { signature, authorization: wire } },
    paymentRequirements: requirements,
  }
}

/** What a payer signs: EIP-3009's TransferWithAuthorization as EIP-712 wants it described. */
export const AUTHORIZATION_TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const
