import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { newPayee, type OwnService, settle, startOwnService } from '@/tests/support/settling'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { startTcpProxy, type TcpProxy } from '@/tests/support/tcp-proxy'
import { createTenantWithKey } from '@/tests/support/tenants'

// A web process whose way to Postgres goes silent: what it sends may arrive, and no answer comes back.

const WAIT_MS = 3_000

let own: OwnService
let proxy: TcpProxy
let web: RunningWeb
let key: string

beforeAll(async () => {
  own = await startOwnService({ postgresUrl: inject('service').postgresUrl })
  proxy = await startTcpProxy(own.databaseUrl)
  const env = { ...own.options.env, X402_SETTLE_WAIT_MS: String(WAIT_MS), LOG_LEVEL: 'silent' }
  web = await startWeb({ ...own.options, databaseUrl: proxy.url, env })
  ;({ key } = await createTenantWithKey(own.databaseUrl))
  expect((await call(`${web.base}/settlements`, { key })).status).toBe(200)
})
afterAll(async () => {
  proxy?.mend()
  await web?.stop()
  await proxy?.stop()
  await own?.stop()
})

type Body = Awaited<ReturnType<typeof buildPayment>>

async function timed(body: Body) {
  const begunAt = performance.now()
  const answer = await settle(web.base, key, body)
  return { ...answer, ms: performance.now() - begunAt }
}

const rowsOf = async ({ paymentPayload }: Body) =>
  (await call(`${own.web.base}/settlements?nonce=${paymentPayload.payload.authorization.nonce}`, { key })).body.data

describe('while the database says nothing', () => {
  it('a new settlement is refused within seconds, and the same body is settled when it is back', async () => {
    const body = await buildPayment({ payTo: newPayee() })
    proxy.loseAnswers()
    try {
      const { status, body: refused, ms } = await timed(body)
      expect([status, refused.error.code]).toEqual([503, 'database_unavailable'])
      expect(ms).toBeLessThan(5_000)
    } finally {
      proxy.mend()
    }
    await vi.waitFor(async () => expect((await settle(web.base, key, body)).body).toMatchObject({ success: true }), {
      timeout: 30_000,
      interval: 200,
    })
  })

  it('who waits for an outcome is answered not long after his time is up', async () => {
    const body = { ...(await buildPayment({ payTo: newPayee() })), waitUntil: 'final' }
    const waiting = timed(body)
    await vi.waitFor(async () => expect(await rowsOf(body)).toHaveLength(1), { timeout: 10_000, interval: 20 })
    proxy.loseAnswers()
    try {
      const { status, ms } = await waiting
      expect([200, 503]).toContain(status)
      expect(ms).toBeLessThan(WAIT_MS + 6_000)
    } finally {
      proxy.mend()
    }
  })
})
