import { describe, expect, inject, it } from 'vitest'
import { PaymentAnswer, PaymentStatsAnswer, PaymentsAnswer } from '@/lib/contracts/settlement-answers'
import { DAY_MS, HOUR_MS } from '@/lib/core/clock'
import { newId } from '@/lib/core/ids'
import { type Answer, call } from '@/tests/support/api'
import { insertAttempt, insertSettlement, randomHex, type StoredSettlement } from '@/tests/support/settlements'
import { createTenantWithKey } from '@/tests/support/tenants'

const { base, databaseUrl } = inject('withoutWorker')

const list = (key: string, query = '') => call(`${base}/payments${query}`, { key })
const tenant = () => createTenantWithKey(databaseUrl)
const idsOf = ({ body }: Answer) => body.data.map(({ id }: { id: string }) => id)
const agoMs = (ms: number) => new Date(Date.now() - ms)

describe('a payment is shown', () => {
  it('as a seller’s books have it, alike in the list and alone', async () => {
    const { tenantId, key } = await tenant()
    const hash = randomHex(32)
    const row = await insertSettlement(databaseUrl, {
      tenantId,
      amount: 2_500_000n,
      payTo: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
      state: 'final',
      transactionHash: hash,
      isMagic: true,
      createdAt: new Date('2026-11-21T10:00:00Z'),
      settledAt: new Date('2026-11-21T10:00:02Z'),
    })
    const { body } = await call(`${base}/payments/${row.id}`, { key })
    expect(PaymentAnswer.parse(body)).toEqual({
      id: row.id,
      mode: 'test',
      status: 'settled',
      network: 'eip155:84532',
      asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
      symbol: 'USDC',
      amount: '2500000',
      amountTokens: '2.5',
      payer: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/),
      payTo: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
      endpoint: 'https://seller.example/weather',
      transaction: hash,
      errorReason: null,
      verifiedAt: '2026-11-21T10:00:00.000Z',
      settledAt: '2026-11-21T10:00:02.000Z',
    })
    expect((await list(key)).body).toEqual({ data: [body], hasMore: false, nextCursor: null })
  })

  it('with the reason when it failed, and with none when it was paid in the end', async () => {
    const { tenantId, key } = await tenant()
    const reason = 'invalid_exact_evm_transaction_failed'
    const failed = await insertSettlement(databaseUrl, { tenantId, state: 'failed', reason })
    const paid = await insertSettlement(databaseUrl, { tenantId, state: 'mined', reason })
    const one = async (id: string) => (await call(`${base}/payments/${id}`, { key })).body
    expect(await one(failed.id)).toMatchObject({ status: 'failed', errorReason: reason, settledAt: null })
    expect(await one(paid.id)).toMatchObject({ status: 'settled', errorReason: null })
  })

  it.each([
    ['nobody', newId('settlement', Date.now())],
    ['another kind', newId('verification', Date.now())],
    ['no kind', 'x'],
    ['a NUL', 'set_%00'],
  ])('an id of %s is 404', async (_, id) => {
    const { key } = await tenant()
    const answer = await call(`${base}/payments/${id}`, { key })
    expect([answer.status, answer.body.error?.code]).toEqual([404, 'resource_not_found'])
  })
})

describe('a list is filtered', async () => {
  const [{ tenantId, key }, other] = await Promise.all([tenant(), tenant()])
  const [payer, hash, endpoint] = [randomHex(20), randomHex(32), 'https://seller.example/report']
  const rows = await Promise.all(
    [
      { createdAt: agoMs(6_000), payer },
      { createdAt: agoMs(5_000), state: 'broadcast', resource: endpoint },
      { createdAt: agoMs(4_000), state: 'reorged', network: 'eip155:11155111' },
      { createdAt: agoMs(3_000), state: 'mined', payer, transactionHash: hash },
      { createdAt: agoMs(2_000), state: 'failed', reason: 'why', resource: null },
      { createdAt: agoMs(1_000), state: 'expired' },
    ].map((change) => insertSettlement(databaseUrl, { tenantId, ...change })),
  )
  const at = (index: number) => rows[index] as StoredSettlement
  await insertSettlement(databaseUrl, { ...at(3), id: newId('settlement', 0), paymentKey: null, mode: 'live' })
  await insertSettlement(databaseUrl, { tenantId: other.tenantId, payer, resource: endpoint, transactionHash: hash })
  const firstHash = await insertAttempt(databaseUrl, [at(3)])
  await insertAttempt(databaseUrl, [at(3)], hash)

  it.each<[string, number[]]>([
    ['', [5, 4, 3, 2, 1, 0]],
    ['status=pending', [2, 1, 0]],
    ['status=settled', [3]],
    ['status=failed', [5, 4]],
    ['status=verified', []],
    [`payer=${payer}`, [3, 0]],
    [`payer=${payer}&status=settled`, [3]],
    [`endpoint=${encodeURIComponent(endpoint)}`, [1]],
    [`resource=${encodeURIComponent(endpoint)}`, [1]],
    [`transaction=${hash}`, [3]],
    [`transaction=${firstHash}`, [3]],
    ['network=eip155:11155111', [2]],
    [`from=${at(3).createdAt.toISOString()}&to=${at(5).createdAt.toISOString()}`, [4, 3]],
  ])('by "%s"', async (query, wanted) => {
    const answer = await list(key, `?${query}`)
    expect(answer.status).toBe(200)
    expect(PaymentsAnswer.safeParse(answer.body).error?.issues ?? []).toEqual([])
    expect(idsOf(answer)).toEqual(wanted.map((index) => at(index).id))
  })

  it('and paged, under the same filter only', async () => {
    const first = await list(key, '?status=pending&limit=2')
    const second = await list(key, `?status=pending&limit=2&cursor=${first.body.nextCursor}`)
    expect([...idsOf(first), ...idsOf(second)]).toEqual([2, 1, 0].map((index) => at(index).id))
    expect(second.body).toMatchObject({ hasMore: false, nextCursor: null })
    const wrong = await list(key, `?status=failed&cursor=${first.body.nextCursor}`)
    expect([wrong.status, wrong.body.error.param]).toEqual([400, 'cursor'])
  })

  it.each([
    ['status=mined', 'status'],
    ['payer=0x12', 'payer'],
    ['transaction=x', 'transaction'],
    ['endpoint=a&resource=b', 'endpoint'],
    ['endpoint=', 'endpoint'],
    ['limit=x', 'limit'],
    ['from=1795255284', 'from'],
    ['granted=false', 'granted'],
    ['payr=0x0', 'payr'],
  ])('a parameter of the wrong form, or one that is not there, is refused with its name: %s', async (query, param) => {
    const { status, body } = await list(key, `?${query}`)
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', param])
    expect(body.error.errors[0].fix).not.toBe('')
  })
})

describe('the sums of a period', async () => {
  const [{ tenantId, key }, fresh] = await Promise.all([tenant(), tenant()])
  const [payer, another, euro] = [randomHex(20), randomHex(20), randomHex(20)]
  const paid = { tenantId, state: 'final', payer, amount: 1_500_000n }
  await Promise.all(
    [
      { ...paid, createdAt: new Date() },
      { ...paid, createdAt: new Date(), state: 'mined', payer: another },
      { ...paid, createdAt: agoMs(2 * HOUR_MS), state: 'settled_by_other', amount: 1n },
      { ...paid, createdAt: agoMs(2 * HOUR_MS), state: 'failed', payer: randomHex(20) },
      { ...paid, createdAt: new Date(), state: 'queued', payer: randomHex(20) },
      { ...paid, createdAt: agoMs(3 * DAY_MS), asset: euro, amount: 7n },
      { ...paid, createdAt: agoMs(20 * DAY_MS), amount: 2n ** 255n, state: 'mined' },
      { ...paid, createdAt: agoMs(20 * DAY_MS), amount: 2n ** 255n },
      { ...paid, createdAt: agoMs(31 * DAY_MS) },
      { ...paid, createdAt: new Date(), mode: 'live' as const },
    ].map((row) => insertSettlement(databaseUrl, row)),
  )
  const stats = async (query = '', by = key) => {
    const { status, body } = await call(`${base}/payments/stats${query}`, { key: by })
    expect(status).toBe(200)
    return PaymentStatsAnswer.parse(body)
  }
  const usdc = { network: 'eip155:84532', asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e', symbol: 'USDC' }

  it('of a day, by the hour: what settled is the volume, and who paid is counted once', async () => {
    const day = await stats('?period=day')
    expect(day.period).toMatchObject({ name: 'day', step: 'hour' })
    expect(day.totals).toEqual({ count: 5, pending: 1, settled: 3, failed: 1, uniquePayers: 2 })
    expect(day.tokens).toEqual([
      {
        ...usdc,
        volume: '3000001',
        volumeTokens: '3.000001',
        count: 5,
        pending: 1,
        settled: 3,
        failed: 1,
        uniquePayers: 2,
      },
    ])
    expect(day.series).toHaveLength(24)
    const busy = day.series.filter(({ count }) => count > 0)
    const volumes = (volume: string, volumeTokens: string) => [{ ...usdc, volume, volumeTokens }]
    expect(busy).toMatchObject([
      { count: 2, settled: 1, failed: 1, pending: 0, volumes: volumes('1', '0.000001') },
      { count: 3, settled: 2, failed: 0, pending: 1, volumes: volumes('3000000', '3') },
    ])
    expect(busy.map(({ at }) => at.slice(13))).toEqual([':00:00.000Z', ':00:00.000Z'])
    const quiet = { count: 0, settled: 0, failed: 0, pending: 0, volumes: [] }
    expect(day.series.find(({ count }) => count === 0)).toEqual({ ...quiet, at: expect.any(String) })
  })

  it('of a week and of a month, by the day, each token for itself', async () => {
    const [week, month] = await Promise.all([stats('?period=week'), stats('?period=month')])
    expect([week.period.step, week.series.length, month.period.step, month.series.length]).toEqual([
      'day',
      7,
      'day',
      30,
    ])
    expect(week.totals).toEqual({ count: 6, pending: 1, settled: 4, failed: 1, uniquePayers: 2 })
    expect(week.tokens.map(({ volume, volumeTokens }) => [volume, volumeTokens]).sort()).toEqual([
      ['3000001', '3.000001'],
      ['7', null],
    ])
    expect(month.totals).toEqual({ count: 8, pending: 1, settled: 6, failed: 1, uniquePayers: 2 })
    const whole = 2n ** 256n + 3_000_001n
    expect(month.tokens.find(({ symbol }) => symbol === 'USDC')?.volume).toBe(whole.toString())
    for (const { series, totals, period } of [week, month]) {
      expect(series.reduce((sum, { count }) => sum + count, 0)).toBe(totals.count)
      expect(series[0]?.at).toBe(period.from)
      expect(series.map(({ at }) => at)).toEqual([...series.map(({ at }) => at)].sort())
      expect(new Date(period.to).getTime() - new Date(period.from).getTime()).toBe(series.length * DAY_MS)
    }
  })

  it('of a day unless another is asked for, and all zeros for who has none', async () => {
    const none = await stats('', fresh.key)
    expect(none.period.name).toBe('day')
    expect(none.totals).toEqual({ count: 0, pending: 0, settled: 0, failed: 0, uniquePayers: 0 })
    expect(none.tokens).toEqual([])
    expect(none.series).toHaveLength(24)
  })

  it.each(['period=year', 'period=', 'period=DAY', 'days=7'])('%s is refused', async (query) => {
    const { status, body } = await call(`${base}/payments/stats?${query}`, { key })
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', query.split('=')[0]])
    expect(body.error.errors[0].fix).not.toBe('')
  })
})
