import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createPublicClient, http, type PublicClient } from 'viem'
import { createChain } from '@/lib/adapters/chain/create-chain'
import { paymentBody } from '@/lib/contracts/x402'
import { AppError } from '@/lib/core/errors'
import { networkById } from '@/lib/networks/find-network'
import type { Asset } from '@/lib/networks/networks'
import type { PaymentRequest } from '@/lib/payments/payment-request'
import { unknownFacts, type VerifyPaymentDeps, verifyPayment } from '@/lib/payments/verify-payment'
import { LOCAL_CHAIN_ID } from '@/scripts/local/chain'
import { TOKENS } from './tokens'

/** "valid", a reason, or "throws" with the code of our own errors. */
export type Outcome = { result: string; payer: string | undefined; message?: string | undefined }
export type Judge = (body: PaymentRequest) => Promise<Outcome>

type Verified = { isValid: boolean; invalidReason?: string; invalidMessage?: string; payer?: string }
type Facilitator = { verify(payload: unknown, requirements: unknown): Promise<Verified> }
type FacilitatorClass = new (signer: unknown) => Facilitator

/** Our verifier as the service runs it, in this process. */
export function ourJudge(rpcUrl: string): { judge: Judge; close(): Promise<void> } {
  const network = networkById(`eip155:${LOCAL_CHAIN_ID}`)
  if (!network) throw new Error('the table has no network for the local chain')
  const chain = createChain({
    // The payments are judged at a time that stands still; that of the connections must not.
    now: () => performance.timeOrigin + performance.now(),
    urls: new Map([[network, [rpcUrl]]]),
    maxBatch: 50,
    maxHeadAgeSeconds: 0,
  })
  const assets = TOKENS.map(({ name, version, address }): Asset => {
    return { symbol: name, address, name, version, decimals: 6, listedByDefault: true }
  })
  const deps: VerifyPaymentDeps = {
    now: Date.now,
    chain: chain.reader,
    networks: {
      status: ({ id }) => (id === network.id ? 'served' : 'not_configured'),
      findAsset: (_, address) => assets.find((asset) => asset.address.toLowerCase() === address) ?? null,
    },
  }
  const judge: Judge = async (body) => {
    const parsed = paymentBody(body)
    if (!('value' in parsed)) throw new Error(`no body of ours: ${JSON.stringify(parsed.problems)}`)
    try {
      const verdict = await verifyPayment(deps, { mode: 'test', request: parsed.value }, unknownFacts())
      if (verdict.valid) return { result: 'valid', payer: verdict.payer }
      return { result: verdict.reason, payer: verdict.payer, message: verdict.message }
    } catch (error) {
      const code = error instanceof AppError ? error.code : String(error)
      return { result: `throws ${code}`, payer: undefined, message: String((error as Error).cause) }
    }
  }
  return { judge, close: () => chain.close() }
}

/** The facilitator classes of @x402/evm, v1 and v2, over one viem client, as their README builds them. */
export function referenceJudge(rpcUrl: string): Judge {
  const requireOfficial = createRequire(join(process.cwd(), 'tests/official/package.json'))
  const client = createPublicClient({
    transport: http(rpcUrl, { batch: { batchSize: 50 }, retryCount: 0, timeout: 60_000 }),
  })
  const signer = signerOf(client)
  const { ExactEvmScheme } = requireOfficial('@x402/evm/exact/facilitator') as Record<string, FacilitatorClass>
  const { ExactEvmSchemeV1 } = requireOfficial('@x402/evm/exact/v1/facilitator') as Record<string, FacilitatorClass>
  if (!ExactEvmScheme || !ExactEvmSchemeV1) throw new Error('the official package has no such class')
  const [v2, v1] = [new ExactEvmScheme(signer), new ExactEvmSchemeV1(signer)]
  return async ({ x402Version, paymentPayload, paymentRequirements }) => {
    const facilitator = (paymentPayload.x402Version ?? x402Version) === 1 ? v1 : v2
    try {
      const { isValid, invalidReason, invalidMessage, payer } = await facilitator.verify(
        paymentPayload,
        paymentRequirements,
      )
      return { result: isValid ? 'valid' : String(invalidReason), payer: payer ?? undefined, message: invalidMessage }
    } catch (error) {
      return { result: 'throws', payer: undefined, message: String(error) }
    }
  }
}

/** What verifying needs of a signer; it never gets to sign. */
function signerOf(client: PublicClient) {
  return {
    getAddresses: () => [],
    getCode: (args: Parameters<PublicClient['getCode']>[0]) => client.getCode(args),
    readContract: (args: Parameters<PublicClient['readContract']>[0]) =>
      client.readContract({ ...args, args: args.args ?? [] }),
  }
}
