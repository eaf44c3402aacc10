import { describe, expect, inject, it } from 'vitest'
import { SettlementAnswer, SettlementsAnswer } from '@/lib/contracts/settlement-answers'
import { newId } from '@/lib/core/ids'
import { SETTLEMENT_STATES } from '@/lib/core/settlement-states'
import { type Answer, call } from '@/tests/support/api'
import {
  changeSettlement,
  insertAttempt,
  insertSettlement,
  randomHex,
  type StoredSettlement,
} from '@/tests/support/settlements'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl } = inject('withoutWorker')

type Shown = Record<string, unknown> & { id: string; state: string; createdAt: string }

const list = (key: string, query = '') => call(`${base}/settlements${query}`, { key })
const one = (key: string, id: string, query = '') => call(`${base}/settlements/${id}${query}`, { key })
const tenant = () => createTenantWithKey(databaseUrl)
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)

describe('a settlement is shown', () => {
  it('with its payment, its state, and where it was mined', async () => {
    const { tenantId, key } = await tenant()
    const hash = randomHex(32)
    const row = await insertSettlement(databaseUrl, {
      tenantId,
      amount: 1_500_000n,
      payer: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
      state: 'mined',
      transactionHash: hash,
      blockNumber: 123n,
      blockHash: randomHex(32),
      position: 3,
      paymentIdentifier: 'order-0000000000000001',
      settledAt: new Date('2026-11-21T10:00:02Z'),
      createdAt: new Date('2026-11-21T10:00:00Z'),
      validBefore: 1_795_255_284n,
    })
    const answer = await one(key, row.id)
    expect(SettlementAnswer.parse(answer.body)).toEqual({
      id: row.id,
      mode: 'test',
      state: 'mined',
      status: 'settled',
      x402Version: 2,
      network: 'eip155:84532',
      asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
      symbol: 'USDC',
      amount: '1500000',
      amountTokens: '1.5',
      payer: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
      payTo: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/),
      nonce: row.nonce,
      validBefore: new Date(1_795_255_284_000).toISOString(),
      resource: 'https://seller.example/weather',
      paymentIdentifier: 'order-0000000000000001',
      transaction: hash,
      blockNumber: '123',
      position: 3,
      reason: null,
      message: null,
      released: false,
      granted: false,
      grantedAt: null,
      createdAt: '2026-11-21T10:00:00.000Z',
      settledAt: '2026-11-21T10:00:02.000Z',
      keyId: row.keyId,
      requestId: row.requestId,
      history: [],
    })
    const { history: _, ...shown } = answer.body
    expect((await list(key)).body).toEqual({ data: [shown], hasMore: false, nextCursor: null })
  })

  it('as its owner’s books call it: every state is one of the four', async () => {
    const { tenantId, key } = await tenant()
    for (const state of SETTLEMENT_STATES) await insertSettlement(databaseUrl, { tenantId, state })
    const { data } = SettlementsAnswer.parse((await list(key)).body)
    expect(Object.fromEntries(data.map(({ state, status }) => [state, status]))).toEqual({
      queued: 'pending',
      broadcast: 'pending',
      reorged: 'pending',
      mined: 'settled',
      final: 'settled',
      settled_by_other: 'settled',
      failed: 'failed',
      expired: 'failed',
    })
  })

  it('also with an authorization that is valid until the end of numbers, and a token nobody lists', async () => {
    const { tenantId, key } = await tenant()
    const most = 2n ** 256n - 1n
    const asset = randomHex(20)
    const { id } = await insertSettlement(databaseUrl, { tenantId, validBefore: most, amount: most, asset })
    const { body } = await one(key, id)
    expect(SettlementAnswer.parse(body)).toMatchObject({
      validBefore: '9999-12-31T23:59:59.000Z',
      amount: most.toString(),
      symbol: null,
      amountTokens: null,
    })
  })

  it('with every change of its state, in order, and nothing of what others’ rows went through', async () => {
    const [{ tenantId, key }, other] = await Promise.all([tenant(), tenant()])
    const { id } = await insertSettlement(databaseUrl, { tenantId })
    const foreign = await insertSettlement(databaseUrl, { tenantId: other.tenantId })
    const transactionHash = randomHex(32)
    await changeSettlement(databaseUrl, id, { transition: 'sign', state: 'broadcast', transactionHash })
    await changeSettlement(databaseUrl, foreign.id, { transition: 'fail', state: 'failed', reason: 'of-the-other' })
    await changeSettlement(databaseUrl, id, { transition: 'fail', state: 'failed', reason: 'why' })
    await changeSettlement(databaseUrl, id, {
      transition: 'mine',
      state: 'mined',
      reason: null,
      blockNumber: 2n ** 53n + 1n,
    })
    const { history, ...shown } = SettlementAnswer.parse((await one(key, id)).body)
    expect(shown).toMatchObject({ state: 'mined', transaction: transactionHash, blockNumber: '9007199254740993' })
    const step = { at: expect.any(String), transaction: transactionHash, blockNumber: null, reason: null }
    expect(history).toEqual([
      { ...step, state: 'broadcast', transition: 'sign' },
      { ...step, state: 'failed', transition: 'fail', reason: 'why' },
      { ...step, state: 'mined', transition: 'mine', blockNumber: '9007199254740993' },
    ])
    const times = history.map(({ at }) => at)
    expect(times).toEqual([...times].sort())
  })

  it.each([
    ['a settlement of nobody', newId('settlement', Date.now())],
    ['a verification', newId('verification', Date.now())],
    ['a transaction', newId('transaction', Date.now())],
    ['no id at all', 'x'],
    ['a NUL', 'set_%00'],
    ['an id with more behind it', `${newId('settlement', Date.now())}x`],
  ])('an id of %s is 404, and nobody is kept waiting for it', async (_, id) => {
    const { key } = await tenant()
    const begunAt = Date.now()
    const answer = await one(key, id, '?wait=20')
    expect([answer.status, answer.body.error?.code]).toEqual([404, 'resource_not_found'])
    expect(Date.now() - begunAt).toBeLessThan(2_000)
  })

  it('in one mode only: to a live key a settlement of test mode is not there, nor the reverse', async () => {
    const { tenantId, key } = await tenant()
    const [live, test] = await Promise.all([
      insertSettlement(databaseUrl, { tenantId, mode: 'live', network: 'eip155:8453' }),
      insertSettlement(databaseUrl, { tenantId }),
    ])
    expect((await one(key, live.id)).status).toBe(404)
    expect((await one(key, test.id)).status).toBe(200)
    const hash = await insertAttempt(databaseUrl, [live])
    expect((await list(key, `?transaction=${hash}`)).body.data).toEqual([])
    expect((await list(key)).body.data.map(({ id }: Shown) => id)).toEqual([test.id])
  })
})

describe('a list is filtered', async () => {
  const [{ tenantId, key }, other] = await Promise.all([tenant(), tenant()])
  const [payer, payTo, nonce, minedHash, othersHash] = [20, 20, 32, 32, 32].map(randomHex)
  if (!payer || !payTo || !nonce || !minedHash || !othersHash) throw new Error('five were made')
  const shared = { tenantId, payTo }
  const grantedAt = new Date()
  const rows = await Promise.all(
    [
      { createdAt: minutesAgo(7), payer },
      { createdAt: minutesAgo(6), payer, nonce, state: 'broadcast' },
      { createdAt: minutesAgo(5), state: 'mined', transactionHash: minedHash, grantedAt },
      { createdAt: minutesAgo(4), state: 'final', transactionHash: randomHex(32) },
      { createdAt: minutesAgo(3), state: 'settled_by_other', transactionHash: othersHash },
      { createdAt: minutesAgo(2), state: 'failed', reason: 'why', releasedAt: new Date(), paymentKey: null },
      { createdAt: minutesAgo(1), state: 'expired', network: 'eip155:11155111', paymentIdentifier: 'order-1' },
      { createdAt: minutesAgo(0), state: 'reorged', resource: 'https://seller.example/grüße', payTo: randomHex(20) },
    ].map((change) => insertSettlement(databaseUrl, { ...shared, ...change })),
  )
  const at = (index: number) => rows[index] as StoredSettlement
  // The same facts in rows of somebody else, who must never be found by them.
  const [foreign] = await Promise.all([
    insertSettlement(databaseUrl, {
      tenantId: other.tenantId,
      payer,
      payTo,
      state: 'mined',
      transactionHash: minedHash,
    }),
    insertSettlement(databaseUrl, { tenantId, payer, payTo, mode: 'live', state: 'mined', transactionHash: minedHash }),
  ])
  // Two attempts of one transaction: the bump was mined, the first may still be what a client was told.
  const firstHash = await insertAttempt(databaseUrl, [at(2), at(3), foreign])
  await insertAttempt(databaseUrl, [at(2), at(3), foreign], minedHash)
  await changeSettlement(databaseUrl, at(4).id, { transition: 'preempt' })
  const all: Shown[] = (await list(key)).body.data

  it.each<[string, number[]]>([
    [`transaction=${minedHash}`, [3, 2]],
    [`transaction=${firstHash}`, [3, 2]],
    [`transaction=${firstHash.toUpperCase().replace('0X', '0x')}`, [3, 2]],
    [`transaction=${othersHash}`, [4]],
    [`transaction=${randomHex(32)}`, []],
    [`transaction=${firstHash}&state=final`, [3]],
    [`payer=${payer}`, [1, 0]],
    [`payTo=${payTo}`, [6, 5, 4, 3, 2, 1, 0]],
    [`nonce=${nonce}`, [1]],
    ['state=failed', [5]],
    ['state=settled_by_other', [4]],
    ['paid=true', [4, 3, 2]],
    ['paid=false', [7, 6, 5, 1, 0]],
    ['granted=true', [2]],
    ['granted=false', [7, 6, 5, 4, 3, 1, 0]],
    ['paid=true&granted=false', [4, 3]],
    ['paid=true&state=failed', []],
    ['network=eip155:11155111', [6]],
    ['paymentIdentifier=order-1', [6]],
    [`resource=${encodeURIComponent('https://seller.example/grüße')}`, [7]],
    [`from=${at(5).createdAt.toISOString()}`, [7, 6, 5]],
    [`to=${at(2).createdAt.toISOString()}`, [1, 0]],
    [`payer=${payer}&state=queued`, [0]],
  ])('by %s', async (query, wanted) => {
    const { status, body } = await list(key, `?${query}`)
    expect(status).toBe(200)
    expect(body.data.map(({ id }: Shown) => id)).toEqual(wanted.map((index) => at(index).id))
    expect(body.data).toEqual(all.filter(({ id }) => wanted.some((index) => at(index).id === id)))
  })

  it('by every state there is', async () => {
    for (const state of SETTLEMENT_STATES) {
      const { status, body } = await list(key, `?state=${state}`)
      expect([status, body.data.length]).toEqual([200, 1])
    }
  })

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['transaction=0x12', 'transaction'],
    [`transaction=${randomHex(20)}`, 'transaction'],
    ['payer=vitalik.eth', 'payer'],
    ['payTo=0x12', 'payTo'],
    ['nonce=7', 'nonce'],
    ['state=paid', 'state'],
    ['state=MINED', 'state'],
    ['paid=1', 'paid'],
    ['granted=no', 'granted'],
    ['resource=', 'resource'],
    ['resource=a%00b', 'resource'],
    [`resource=${'x'.repeat(513)}`, 'resource'],
    ['paymentIdentifier=a%00b', 'paymentIdentifier'],
    ['network=a%00b', 'network'],
    ['from=yesterday', 'from'],
    ['to=2026-01-01', 'to'],
    ['payr=0x0', 'payr'],
    ['tenantId=x', 'tenantId'],
    ['wait=5', 'wait'],
    ['status=settled', 'status'],
  ])('a parameter of the wrong form, or one that is not there, is refused with its name: %s', async (query, param) => {
    const { status, body } = await list(key, `?${query}`)
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', param])
    expect(body.error.errors[0].fix).not.toBe('')
  })
})

describe('a list is paged by cursors', () => {
  it('60 rows, ten of each moment, come without a gap or a repeat, while new ones come in', async () => {
    const { tenantId, key } = await tenant()
    const moments = [6, 5, 4, 3, 2, 1].map(minutesAgo)
    const rows = await Promise.all(
      moments.flatMap((createdAt) =>
        Array.from({ length: 10 }, () => insertSettlement(databaseUrl, { tenantId, createdAt })),
      ),
    )
    const seen: Shown[] = []
    let cursor: string | null = null
    do {
      const { body }: Answer = await list(key, `?limit=7${cursor ? `&cursor=${cursor}` : ''}`)
      expect(body.hasMore).toBe(body.nextCursor !== null)
      seen.push(...body.data)
      cursor = body.nextCursor
      await insertSettlement(databaseUrl, { tenantId })
    } while (cursor)
    expect(seen).toHaveLength(60)
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(rows.map(({ id }) => id)))
    const order = seen.map(({ createdAt, id }) => `${createdAt} ${id}`)
    expect(order).toEqual([...order].sort().reverse())
  })

  it('also when the time in an id is not the row’s own, for two clocks made them', async () => {
    const { tenantId, key } = await tenant()
    const rows = []
    for (let index = 0; index < 6; index++) {
      const id = newId('settlement', Date.now() + index * 7_000)
      rows.push(await insertSettlement(databaseUrl, { tenantId, id, createdAt: minutesAgo(index) }))
    }
    const first = (await list(key, '?limit=3')).body
    const second = (await list(key, `?limit=3&cursor=${first.nextCursor}`)).body
    const ids = [...first.data, ...second.data].map(({ id }: Shown) => id)
    expect(ids).toEqual(rows.map(({ id }) => id))
    expect(second.nextCursor).toBeNull()
  })

  it('a cursor of other filters, of the list of payments, or one that is none, is refused', async () => {
    const { tenantId, key } = await tenant()
    for (let index = 0; index < 3; index++) await insertSettlement(databaseUrl, { tenantId, state: 'mined' })
    const { nextCursor } = (await list(key, '?limit=1&paid=true')).body
    expect((await list(key, `?limit=2&paid=true&cursor=${nextCursor}`)).body.data).toHaveLength(2)
    const { nextCursor: ofPayments } = (await call(`${base}/payments?limit=1`, { key })).body
    expect(ofPayments).not.toBeNull()
    const wrong = [
      `cursor=${nextCursor}`,
      `paid=false&cursor=${nextCursor}`,
      `paid=true&granted=false&cursor=${nextCursor}`,
      `paid=true&cursor=${nextCursor.slice(1)}`,
      `paid=true&cursor=${nextCursor.slice(0, 38)}`,
      `paid=true&cursor=${nextCursor}000000000`,
      `cursor=${ofPayments}`,
      'cursor=',
      `cursor=${newId('settlement', Date.now())}`,
    ]
    for (const query of wrong) {
      const answer = await list(key, `?${query}`)
      expect([query, answer.status, answer.body.error?.param]).toEqual([query, 400, 'cursor'])
    }
  })
})

describe('a settlement can be waited for', async () => {
  const { tenantId, key } = await tenant()
  const timed = async (id: string, query: string) => {
    const begunAt = performance.now()
    const answer = await one(key, id, query)
    return { ...answer, ms: performance.now() - begunAt }
  }

  it.each(['queued', 'broadcast', 'reorged'])('a change while it is %s is answered within a second', async (state) => {
    const { id } = await insertSettlement(databaseUrl, { tenantId, state })
    const waiting = timed(id, '?wait=20')
    await new Promise((resolve) => setTimeout(resolve, 300))
    const changedAt = performance.now()
    await changeSettlement(databaseUrl, id, { transition: 'mine', state: 'mined', settledAt: new Date() })
    const { status, body, ms } = await waiting
    expect(performance.now() - changedAt).toBeLessThan(1_000)
    expect(ms).toBeGreaterThan(300)
    expect(status).toBe(200)
    expect(body).toMatchObject({ state: 'mined', history: [{ state: 'mined' }] })
  })

  it('without a change it is answered as it is when the time is up', async () => {
    const { id } = await insertSettlement(databaseUrl, { tenantId, state: 'broadcast' })
    const { status, body, ms } = await timed(id, '?wait=1')
    expect([status, body.state]).toEqual([200, 'broadcast'])
    expect(ms).toBeGreaterThan(950)
    expect(ms).toBeLessThan(2_500)
  })

  it.each<[string, Partial<StoredSettlement>]>([
    ['mined', { state: 'mined' }],
    ['final', { state: 'final' }],
    ['paid by another', { state: 'settled_by_other' }],
    ['failed', { state: 'failed', reason: 'why' }],
    ['expired', { state: 'expired' }],
    ['released', { state: 'failed', releasedAt: new Date(), paymentKey: null }],
  ])('one that has its answer is answered at once: %s', async (_, change) => {
    const { id } = await insertSettlement(databaseUrl, { tenantId, ...change })
    const { status, ms } = await timed(id, '?wait=20')
    expect(status).toBe(200)
    expect(ms).toBeLessThan(2_000)
  })

  it('a failed one that waits to be sent again has no answer yet', async () => {
    const { id } = await insertSettlement(databaseUrl, { tenantId, state: 'failed', reason: null })
    const { body, ms } = await timed(id, '?wait=1')
    expect(body.state).toBe('failed')
    expect(ms).toBeGreaterThan(950)
  })

  it('who does not ask to wait does not wait', async () => {
    const { id } = await insertSettlement(databaseUrl, { tenantId })
    expect((await timed(id, '')).ms).toBeLessThan(900)
    expect((await timed(id, '?wait=0')).ms).toBeLessThan(900)
  })

  it.each(['wait=21', 'wait=-1', 'wait=1.5', 'wait=', 'wait=20s', 'limit=5'])('%s is refused', async (query) => {
    const { id } = await insertSettlement(databaseUrl, { tenantId, state: 'mined' })
    const { status, body } = await one(key, id, `?${query}`)
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', query.split('=')[0]])
    expect(body.error.errors[0].fix).not.toBe('')
  })
})
