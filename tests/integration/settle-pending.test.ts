import { request } from 'node:http'
import { type Hex, keccak256, pad, toHex } from 'viem'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { type Answer, call } from '@/tests/support/api'
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
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey, type TestTenant } from '@/tests/support/tenants'

// A chain of its own, which stands still, and a worker of its own, which is paused.

let own: OwnService
/** Waits less long than the standstill lasts. */
let hasty: RunningWeb
let tenant: TestTenant
let stranger: TestTenant

beforeAll(async () => {
  own = await startOwnService({ postgresUrl: inject('service').postgresUrl })
  hasty = await startWeb({ ...own.options, env: { ...own.options.env, X402_SETTLE_WAIT_MS: '4000' } })
  tenant = await createTenantWithKey(own.databaseUrl)
  stranger = await createTenantWithKey(own.databaseUrl)
})
afterAll(async () => {
  await hasty?.stop()
  await own?.stop()
})

type Body = Awaited<ReturnType<typeof buildPayment>>
const payTo = (body: Body) => body.paymentPayload.payload.authorization.to
const verify = (body: Body, key = tenant.key) => call(`${own.web.base}/verify`, { key, body })
const rowsOf = async (body: Body) => {
  const { nonce } = body.paymentPayload.payload.authorization
  return (await call(`${own.web.base}/settlements?nonce=${nonce}`, { key: tenant.key })).body.data
}
const otherTerms = (body: Body): Body => {
  const paymentRequirements = { ...body.paymentRequirements, maxTimeoutSeconds: 61 }
  return { ...body, paymentPayload: { ...body.paymentPayload, accepted: paymentRequirements }, paymentRequirements }
}

/** Settles while no block is made, and looks at what is pending before blocks go on. */
async function settleInStandstill(body: Body, look: () => Promise<void> = async () => undefined): Promise<Answer> {
  await own.running.chain.call('evm_setIntervalMining', [0])
  try {
    const answer = await settle(hasty.base, tenant.key, body)
    await look()
    return answer
  } finally {
    await own.running.chain.call('evm_setIntervalMining', [1])
  }
}

const shown = async ({ body }: Answer) => (await call(`${body.extra.statusUrl}?wait=20`, { key: tenant.key })).body

async function untilPaid(pending: Answer): Promise<void> {
  await vi.waitFor(async () => expect(await shown(pending)).toMatchObject({ status: 'settled', granted: false }), {
    timeout: 30_000,
    interval: 50,
  })
}

describe('a settlement whose block is late', () => {
  it('is pending with its hash, and the same body gets the success when the block is there', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const pending = await settleInStandstill(body)
    expect(pending).toMatchObject({
      status: 200,
      body: {
        success: false,
        errorReason: 'settlement_pending',
        transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
        extra: { paymentState: 'in_flight', retryable: true, retryAction: 'poll' },
      },
    })
    const settled = await settle(own.web.base, tenant.key, body)
    expect(settled.body).toMatchObject({ success: true, extra: { settlementId: pending.body.extra.settlementId } })
    const found = await call(`${own.web.base}/settlements?transaction=${pending.body.transaction}`, { key: tenant.key })
    expect(found.body.data).toMatchObject([{ transaction: settled.body.transaction, granted: true }])
    expect(await balanceOf(own.running.url, payTo(body))).toBe(10_000n)
  })

  it('is told to nobody else while it is pending, and given to nobody under other terms', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const pending = await settleInStandstill(body, async () => {
      for (const [key, asked] of [
        [stranger.key, body],
        [tenant.key, otherTerms(body)],
        [stranger.key, otherTerms(body)],
      ] as const) {
        expect((await settle(hasty.base, key, asked)).body).toMatchObject({
          success: false,
          errorReason: 'payment_bound_elsewhere',
          transaction: '',
          extra: { paymentState: 'unknown' },
        })
      }
      const { state } = (await call(`${own.web.base}/settlements?payTo=${payTo(body)}`, { key: tenant.key })).body
        .data[0]
      expect(state).toBe('broadcast')
    })
    expect(pending.body.errorReason).toBe('settlement_pending')
    expect((await settle(own.web.base, tenant.key, body)).body).toMatchObject({ success: true })
  })

  it('is valid to its own seller until he was answered, and to nobody else', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const pending = await settleInStandstill(body)
    expect(pending.body.errorReason).toBe('settlement_pending')
    await untilPaid(pending)
    const used = { isValid: false, invalidReason: 'invalid_exact_evm_nonce_already_used' }
    expect((await verify(body)).body).toEqual({ isValid: true, payer: body.paymentPayload.payload.authorization.from })
    expect((await verify(body, stranger.key)).body).toMatchObject(used)
    expect((await verify(otherTerms(body))).body).toMatchObject(used)
    expect((await settle(own.web.base, tenant.key, body)).body).toMatchObject({ success: true })
    expect((await verify(body)).body).toMatchObject(used)
  })
})

describe('a success that never reached the seller', () => {
  /** Sends a payment and goes away before there can be an answer. */
  async function settleAndLeave(body: Body): Promise<string> {
    await own.running.chain.call('evm_setIntervalMining', [0])
    const headers = { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }
    const sent = request(`${own.web.base}/settle`, { method: 'POST', headers, agent: false })
    sent.on('error', () => undefined)
    sent.end(JSON.stringify(body))
    try {
      return await vi.waitFor(
        async () => {
          const [row] = await rowsOf(body)
          expect(row).toMatchObject({ state: 'broadcast' })
          return row.id as string
        },
        { timeout: 20_000, interval: 20 },
      )
    } finally {
      sent.destroy()
      await own.running.chain.call('evm_setIntervalMining', [1])
    }
  }

  it('is taken back because his connection is gone, and is the next one’s who asks', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const id = await settleAndLeave(body)
    // For a moment it may be granted to the answer that cannot leave.
    await vi.waitFor(
      async () => {
        const { success, extra } = (await settle(own.web.base, tenant.key, body)).body
        expect([success, extra.settlementId]).toEqual([true, id])
      },
      { timeout: 30_000, interval: 50 },
    )
    expect((await settle(own.web.base, tenant.key, body)).body.errorReason).toBe('duplicate_settlement')
    expect(await balanceOf(own.running.url, payTo(body))).toBe(10_000n)
  })

  it('stands among what was settled and never granted as long as nobody asks', async () => {
    const id = await settleAndLeave(await buildPayment({ payTo: newPayee() }))
    await vi.waitFor(
      async () => {
        const owed = await call(`${own.web.base}/settlements?paid=true&granted=false`, { key: tenant.key })
        expect(owed.body.data.map((row: { id: string }) => row.id)).toContain(id)
      },
      { timeout: 30_000, interval: 50 },
    )
  })
})

describe('a payment that dies while it waits to be signed', () => {
  /** Claims a payment while the worker stands still, and lets the worker go on when something has happened. */
  async function settleBehindPause(body: Body, happens: () => Promise<unknown>): Promise<Answer> {
    const worker = own.worker?.pid ?? 0
    process.kill(worker, 'SIGSTOP')
    try {
      const settling = settle(own.web.base, tenant.key, body)
      await vi.waitFor(async () => expect(await rowsOf(body)).toMatchObject([{ state: 'queued' }]), {
        timeout: 10_000,
        interval: 20,
      })
      await happens()
      process.kill(worker, 'SIGCONT')
      return await settling
    } finally {
      process.kill(worker, 'SIGCONT')
    }
  }

  async function expectReleased(answer: Answer, body: Body, before: number, reason: string): Promise<void> {
    expect(answer).toMatchObject({ status: 200, body: { success: false, errorReason: reason, transaction: '' } })
    const { state, released, transaction, history } = await shown(answer)
    expect({ state, released, transaction }).toEqual({ state: 'failed', released: true, transaction: null })
    expect(history.map(({ transition }: { transition: string }) => transition)).toEqual(['claim', 'release'])
    expect(await broadcastsOf(own.running.url)).toBe(before)
    expect(await balanceOf(own.running.url, payTo(body))).toBe(0n)
  }

  it('because it ends too soon is refused, and nothing is broadcast', async () => {
    const before = await broadcastsOf(own.running.url)
    const validBefore = Math.floor(Date.now() / 1_000) + 11
    const body = await buildPayment({ payTo: newPayee(), authorization: { validBefore: String(validBefore) } })
    const answer = await settleBehindPause(body, () =>
      vi.waitUntil(() => Date.now() / 1_000 > validBefore - 4, { timeout: 20_000, interval: 50 }),
    )
    await expectReleased(answer, body, before, 'invalid_exact_evm_payload_authorization_valid_before')
    expect(answer.body.extra).toMatchObject({ paymentState: 'unused', retryable: false, retryAction: 'resign' })
  })

  it('because its payer is drained is refused, nothing is broadcast, and it can be paid after all', async () => {
    const before = await broadcastsOf(own.running.url)
    const payer = await newPayer(own.running.url)
    const body = await buildPayment({ payer, payTo: newPayee() })
    const answer = await settleBehindPause(body, () => setBalance(payer.address, 9_999n))
    await expectReleased(answer, body, before, 'invalid_exact_evm_insufficient_balance')
    expect(answer.body.extra).toMatchObject({ paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' })
    await setBalance(payer.address, 10_000n)
    expect((await settle(own.web.base, tenant.key, body)).body).toMatchObject({ success: true })
  })

  /** The token keeps a balance under the payer's address in its ninth slot; the highest bit is the blacklist. */
  async function setBalance(account: Hex, amount: bigint): Promise<void> {
    const slot = keccak256(`${pad(account)}${pad(toHex(9)).slice(2)}`)
    await own.running.chain.call('anvil_setStorageAt', [LOCAL_USDC, slot, pad(toHex(amount))])
    expect(await balanceOf(own.running.url, account)).toBe(amount)
  }
})

describe('a payment that nobody signs in time', () => {
  it('is released: 503, nothing was sent and nothing will be, and it can be sent again', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    const worker = own.worker?.pid ?? 0
    process.kill(worker, 'SIGSTOP')
    const before = await broadcastsOf(own.running.url)
    const answer = await settle(hasty.base, tenant.key, body).finally(() => process.kill(worker, 'SIGCONT'))
    expect(answer).toMatchObject({
      status: 503,
      body: {
        success: false,
        errorReason: 'settlement_unavailable',
        transaction: '',
        extra: { paymentState: 'unused', retryable: true, retryAction: 'wait_and_retry' },
      },
    })
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await rowsOf(body)).toMatchObject([{ state: 'failed', released: true, reason: 'settlement_unavailable' }])
    // The worker is at work again when it has settled something that came later.
    const later = await buildPayment({ payTo: newPayee() })
    expect((await settle(own.web.base, tenant.key, later)).body).toMatchObject({ success: true })
    expect(await broadcastsOf(own.running.url)).toBe(before + 1)
    expect((await settle(own.web.base, tenant.key, body)).body).toMatchObject({ success: true })
  })
})
