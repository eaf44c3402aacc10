import { type Address, encodeFunctionData, parseAbi } from 'viem'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { mint } from '@/scripts/local/usdc'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import {
  balanceOf,
  broadcastsOf,
  newPayee,
  newPayer,
  type OwnService,
  settle,
  startOwnService,
} from '@/tests/support/settling'
import { createTenantWithKey } from '@/tests/support/tenants'

// A service of its own, whose wallet sends nothing but what is sent here.

const ABI = parseAbi(['function blacklist(address)', 'function pause()', 'function unpause()'])
const nowSeconds = () => Math.floor(Date.now() / 1_000)

let own: OwnService
let key: string
let rpcUrl: string
let base: string

beforeAll(async () => {
  own = await startOwnService({ postgresUrl: inject('service').postgresUrl, blockSeconds: 0 })
  key = (await createTenantWithKey(own.databaseUrl)).key
  rpcUrl = own.running.url
  base = own.web.base
})
afterAll(() => own?.stop())

const asOwner = (functionName: 'blacklist' | 'pause' | 'unpause', args: readonly [] | readonly [Address] = []) =>
  own.running.chain.send(
    TOKEN_OWNER.address,
    LOCAL_USDC,
    encodeFunctionData({ abi: ABI, functionName, args } as Parameters<typeof encodeFunctionData>[0]),
  )

type Body = Awaited<ReturnType<typeof buildPayment>>
const attempts = async (body: Body, as = key) => {
  const { nonce } = body.paymentPayload.payload.authorization
  return (await call(`${base}/settlements?nonce=${nonce}`, { key: as })).body.data
}

/** Sends a body that must be refused, and proves that nothing came of it. */
async function refused(body: Body, as = key) {
  const { from, to } = body.paymentPayload.payload.authorization
  const state = async () => [await broadcastsOf(rpcUrl), await balanceOf(rpcUrl, from), await balanceOf(rpcUrl, to)]
  const before = await state()
  const answer = await settle(base, as, body)
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({ success: false, transaction: '', errorMessage: expect.stringMatching(/\S/) })
  expect(await state()).toEqual(before)
  return answer.body
}

const DEAD = { paymentState: 'unused', retryable: false, retryAction: 'resign' }
const CURABLE = { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' }
const BALANCE = 'invalid_exact_evm_insufficient_balance'
const FAILS = 'invalid_exact_evm_transaction_simulation_failed'
const EXPIRED = 'invalid_exact_evm_payload_authorization_valid_before'

type Case = { what: string; reason: string; extra: object; body(): Promise<Body> }

const CASES: readonly Case[] = [
  {
    what: 'a token that is not listed',
    reason: 'asset_not_listed',
    extra: DEAD,
    body: () => buildPayment({ requirements: { asset: newPayee() } }),
  },
  {
    what: 'an authorization that has ended',
    reason: EXPIRED,
    extra: DEAD,
    body: () => buildPayment({ authorization: { validBefore: String(nowSeconds() - 1) } }),
  },
  {
    what: 'one that ends within 6 seconds',
    reason: EXPIRED,
    extra: DEAD,
    body: () => buildPayment({ authorization: { validBefore: String(nowSeconds() + 5) } }),
  },
  {
    what: 'one that has not begun',
    reason: 'invalid_exact_evm_payload_authorization_valid_after',
    extra: DEAD,
    body: () => buildPayment({ authorization: { validAfter: String(nowSeconds() + 600) } }),
  },
  {
    what: 'a payer whose money is gone',
    reason: BALANCE,
    extra: CURABLE,
    body: async () => buildPayment({ payer: await newPayer(rpcUrl, 9_999n) }),
  },
  {
    what: 'a payer on the blacklist',
    reason: FAILS,
    extra: CURABLE,
    body: async () => {
      const payer = await newPayer(rpcUrl)
      await asOwner('blacklist', [payer.address])
      return buildPayment({ payer })
    },
  },
  {
    what: 'a recipient on the blacklist',
    reason: FAILS,
    extra: CURABLE,
    body: async () => {
      const payTo = newPayee()
      await asOwner('blacklist', [payTo])
      return buildPayment({ payTo })
    },
  },
  {
    what: 'a signature of somebody else',
    reason: 'invalid_exact_evm_signature',
    extra: DEAD,
    body: async () => {
      const { paymentPayload } = await buildPayment()
      return buildPayment({ signature: paymentPayload.payload.signature })
    },
  },
]

describe('nothing is broadcast and nothing is charged for', () => {
  it.each(CASES)('$what: $reason, and the attempt is kept', async ({ reason, extra, body: build }) => {
    const body = await build()
    expect(await refused(body)).toMatchObject({ errorReason: reason, extra })
    const state = { state: 'failed', released: true, granted: false, transaction: null }
    expect(await attempts(body)).toMatchObject([{ ...state, reason, message: expect.stringMatching(/\S/) }])
  })

  it('a paused token, until it goes on: then the same payment settles', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    await asOwner('pause')
    try {
      const { errorReason, errorMessage, extra } = await refused(body)
      expect([errorReason, errorMessage]).toEqual([FAILS, expect.stringContaining('paused')])
      expect(extra).toMatchObject(CURABLE)
    } finally {
      await asOwner('unpause')
    }
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
    expect(await attempts(body)).toHaveLength(2)
  })

  it('a network that we do not serve, by either version', async () => {
    for (const network of ['eip155:424242', 'eip155:11155111', 'solana:mainnet']) {
      expect(await refused(await buildPayment({ requirements: { network } }))).toMatchObject({
        errorReason: 'invalid_network',
        extra: DEAD,
      })
    }
    const body = await buildPayment({ x402Version: 1, requirements: { network: 'nowhere' } })
    expect(await refused(body)).toMatchObject({ errorReason: 'invalid_network', network: 'nowhere' })
  })

  it('a network of the other mode: 403', async () => {
    const body = await buildPayment({ requirements: { network: 'eip155:8453' } })
    const answer = await settle(base, key, body)
    expect(answer).toMatchObject({ status: 403, body: { success: false, errorReason: 'mode_mismatch' } })
  })
})

describe('a refusal takes nobody’s payment', () => {
  it('a payer who tops up can send the same payment again', async () => {
    const payer = await newPayer(rpcUrl, 0n)
    const payTo = newPayee()
    const body = await buildPayment({ payer, payTo })
    expect(await refused(body)).toMatchObject({ errorReason: BALANCE })
    await mint(own.running.chain, LOCAL_USDC, TOKEN_OWNER.address, payer.address, 10_000n)
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
    expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
  })

  it('a stranger cannot hold a payment by sending it first with a signature that is none', async () => {
    const payTo = newPayee()
    const body = await buildPayment({ payTo })
    const garbage = structuredClone(body)
    garbage.paymentPayload.payload.signature = `0x${'11'.repeat(64)}1b`
    const { key: stranger } = await createTenantWithKey(own.databaseUrl)
    expect(await refused(garbage, stranger)).toMatchObject({ errorReason: 'invalid_exact_evm_signature' })
    expect(await refused(garbage)).toMatchObject({ errorReason: 'invalid_exact_evm_signature' })
    expect((await settle(base, key, body)).body).toMatchObject({ success: true })
    expect(await balanceOf(rpcUrl, payTo)).toBe(10_000n)
    // Each sees his own attempt.
    expect(await attempts(garbage, stranger)).toHaveLength(1)
    expect(await attempts(body)).toHaveLength(2)
  })

  it('an authorization that was used before it came to us is none of ours', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const { signature, authorization } = body.paymentPayload.payload
    const data = encodeFunctionData({
      abi: parseAbi([
        'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
      ]),
      args: [
        authorization.from,
        authorization.to,
        BigInt(authorization.value),
        BigInt(authorization.validAfter),
        BigInt(authorization.validBefore),
        authorization.nonce,
        signature,
      ],
    })
    await own.running.chain.send(TOKEN_OWNER.address, LOCAL_USDC, data)
    expect(await refused(body)).toMatchObject({
      errorReason: 'invalid_exact_evm_nonce_already_used',
      extra: { paymentState: 'unknown', retryable: false, retryAction: 'contact_seller' },
    })
  })
})
