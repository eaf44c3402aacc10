import { getAddress } from 'viem'
import { describe, expect, inject, it, vi } from 'vitest'
import { DAY_MS } from '@/lib/core/clock'
import { newId } from '@/lib/core/ids'
import { DEV_ACCOUNTS, DEV_PAYEE, DEV_PAYER } from '@/scripts/local/dev-accounts'
import { type Answer, call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { queryDatabase } from '@/tests/support/database'
import { type LogRow, logOnceItHas } from '@/tests/support/log'
import { type MagicName, magicBody } from '@/tests/support/magic'
import { createTenantWithKey, withAdmin } from '@/tests/support/tenants'

const service = inject('service')
const { base, databaseUrl } = service
const tenant = () => createTenantWithKey(databaseUrl)
const verify = (key: string, body: unknown): Promise<Answer> => call(`${base}/verify`, { key, body })
const magic = (key: string, name: MagicName, resource?: string) =>
  verify(key, magicBody(name, resource === undefined ? {} : { resource }))
const list = (key: string, query = '') => call(`${base}/verifications${query}`, { key })
const one = (key: string, id: string) => call(`${base}/verifications/${id}`, { key })

async function onlyRow(key: string): Promise<LogRow> {
  const [row] = await logOnceItHas(base, key, 1)
  return row as LogRow
}

describe('every outcome leaves one row', () => {
  it.each([1, 2] as const)('a valid payment of x402 v%i, with all that is known of it', async (x402Version) => {
    const { key, keyId } = await tenant()
    const resource = 'https://seller.example/weather?city=Paris#now'
    const body = await buildPayment({ x402Version, resource, amount: '1234567' })
    const before = Date.now()
    const answer = await verify(key, body)
    const row = await onlyRow(key)
    expect(row).toEqual({
      id: expect.stringMatching(/^ver_[0-9a-z]{26}$/),
      at: expect.any(String),
      mode: 'test',
      outcome: 'valid',
      isValid: true,
      reason: null,
      x402Version,
      network: 'eip155:84532',
      asset: body.paymentRequirements['asset'],
      symbol: 'USDC',
      payer: DEV_PAYER.address,
      payTo: DEV_PAYEE.address,
      amount: '1234567',
      amountTokens: '1.234567',
      nonce: body.paymentPayload.payload.authorization.nonce,
      resource: 'https://seller.example/weather',
      block: expect.stringMatching(/^[1-9][0-9]*$/),
      keyId,
      requestId: answer.headers.get('x-request-id'),
      durationMs: expect.any(Number),
    })
    expect(Math.abs(new Date(row.at).getTime() - before)).toBeLessThan(1_000)
    expect(row['durationMs']).toBeGreaterThan(0)
  })

  it('a refused payment, with the reason', async () => {
    const { key } = await tenant()
    const other = await buildPayment()
    const answer = await verify(key, await buildPayment({ signature: other.paymentPayload.payload.signature }))
    expect(await onlyRow(key)).toMatchObject({
      outcome: 'invalid',
      isValid: false,
      reason: answer.body.invalidReason,
      payer: DEV_PAYER.address,
      amountTokens: '0.01',
      requestId: answer.headers.get('x-request-id'),
    })
  })

  it('a payment that is not even read, with what could be known of it', async () => {
    const { key } = await tenant()
    const { paymentPayload, paymentRequirements } = magicBody('valid')
    await verify(key, { paymentPayload, paymentRequirements: { ...paymentRequirements, network: 'solana:mainnet' } })
    expect(await onlyRow(key)).toMatchObject({
      outcome: 'invalid',
      reason: 'invalid_network',
      x402Version: 2,
      network: null,
      asset: null,
      symbol: null,
      payer: null,
      amount: null,
      amountTokens: null,
      block: null,
    })
  })

  it('a failure of ours, which is no word on the payer', async () => {
    const { key } = await tenant()
    expect((await magic(key, 'RPC unavailable')).status).toBe(503)
    expect(await onlyRow(key)).toMatchObject({ outcome: 'error', isValid: false, reason: 'rpc_unavailable' })
  })

  it('a caller’s mistake leaves none, and neither does a settlement, which has a row of its own', async () => {
    const { key } = await tenant()
    const body = magicBody('valid')
    const mainnet = { ...body, paymentRequirements: { ...body.paymentRequirements, network: 'eip155:8453' } }
    const deep = `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`
    const mistakes = [
      await verify(key, '{'),
      await verify(key, {}),
      await verify(key, { ...body, paymentPayload: [] }),
      await verify(key, { ...body, paymentRequirements: { scheme: 5 } }),
      await verify(key, deep),
      await verify(key, mainnet),
      await magic(key, 'valid', 'x'.repeat(70_000)),
      await call(`${base}/settle`, { key, body }),
      await call(`${base}/settle`, { key, body: '{' }),
    ]
    expect(mistakes.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 403, 413, 200, 400])
    await magic(key, 'expired')
    expect(await onlyRow(key)).toMatchObject({ reason: 'invalid_exact_evm_payload_authorization_valid_before' })
    const rows = await queryDatabase(databaseUrl, 'SELECT 1 FROM verifications WHERE key_id = $1', [
      (await onlyRow(key))['keyId'],
    ])
    expect(rows).toHaveLength(1)
  })

  it('the same payment judged ten times is ten rows', async () => {
    const { key } = await tenant()
    const body = await buildPayment()
    await Promise.all(Array.from({ length: 10 }, () => verify(key, body)))
    const rows = await logOnceItHas(base, key, 10)
    expect(new Set(rows.map(({ id }) => id)).size).toBe(10)
    expect(new Set(rows.map(({ nonce }) => nonce)).size).toBe(1)
  })
})

describe('a list is paged by cursors', () => {
  it('250 rows come without a gap or a repeat, newest first, while new ones come in', async () => {
    const { key } = await tenant()
    await Promise.all(Array.from({ length: 250 }, (_, index) => magic(key, 'valid', `https://seller.example/${index}`)))
    await vi.waitFor(async () => {
      const text = 'SELECT count(*)::integer AS count FROM verifications WHERE key_id = $1'
      const { keyId } = (await list(key, '?limit=1')).body.data[0]
      const [row] = await queryDatabase<{ count: number }>(databaseUrl, text, [keyId])
      expect(row?.count).toBe(250)
    }, 20_000)

    const seen: LogRow[] = []
    let cursor: string | null = null
    const late: Promise<Answer>[] = []
    do {
      const { body }: Answer = await list(key, `?limit=17${cursor ? `&cursor=${cursor}` : ''}`)
      expect(body.hasMore).toBe(body.nextCursor !== null)
      seen.push(...body.data)
      cursor = body.nextCursor
      late.push(
        magic(key, 'valid', 'https://seller.example/late'),
        magic(key, 'expired', 'https://seller.example/late'),
      )
    } while (cursor)
    await Promise.all(late)
    const resources = seen.map(({ resource }) => resource)
    const wanted = Array.from({ length: 250 }, (_, index) => `https://seller.example/${index}`)
    expect(new Set(resources)).toEqual(new Set(wanted))
    expect(seen).toHaveLength(250)
    const order = seen.map(({ at, id }) => `${at} ${id}`)
    expect(order).toEqual([...order].sort().reverse())
  })

  it('a page has 20 rows unless asked for another number', async () => {
    const { key } = await tenant()
    await Promise.all(Array.from({ length: 21 }, () => magic(key, 'valid')))
    await logOnceItHas(base, key, 21)
    const { body } = await list(key)
    expect(body.data).toHaveLength(20)
    expect(body).toMatchObject({ hasMore: true, nextCursor: expect.any(String) })
    const { body: last } = await list(key, `?cursor=${body.nextCursor}`)
    expect(last).toMatchObject({ data: [expect.anything()], hasMore: false, nextCursor: null })
    const { body: exact } = await list(key, '?limit=21')
    expect(exact).toMatchObject({ hasMore: false, nextCursor: null })
  })

  it('a cursor of another filter, or one that is none, is refused', async () => {
    const { key } = await tenant()
    await Promise.all(Array.from({ length: 3 }, () => magic(key, 'valid')))
    await logOnceItHas(base, key, 3)
    const { nextCursor } = (await list(key, '?limit=1&outcome=valid')).body
    expect((await list(key, `?limit=2&outcome=valid&cursor=${nextCursor}`)).body.data).toHaveLength(2)
    const wrong = [
      `cursor=${nextCursor}`,
      `outcome=invalid&cursor=${nextCursor}`,
      `outcome=valid&network=eip155:84532&cursor=${nextCursor}`,
      `outcome=valid&cursor=${nextCursor.slice(1)}`,
      `outcome=valid&cursor=${nextCursor}0`,
      'cursor=',
      'cursor=1',
      `cursor=${newId('verification', Date.now())}`,
    ]
    for (const query of wrong) {
      const answer = await list(key, `?${query}`)
      expect([query, answer.status, answer.body.error.param]).toEqual([query, 400, 'cursor'])
    }
  })
})

describe('a list is filtered', async () => {
  const { tenantId, key, keyId } = await tenant()
  const second = await withAdmin(databaseUrl, (admin) =>
    admin.createApiKey({ tenantId, mode: 'test', name: 'b', scopes: ['verify', 'logs:read'], expiresAt: null }),
  )
  const [, , someone] = DEV_ACCOUNTS
  if (!someone) throw new Error('there are ten accounts')
  const strange = magicBody('valid')
  strange.paymentRequirements.network = 'eip155:424242'
  await magic(key, 'valid')
  await magic(key, 'expired')
  await magic(second.key, 'RPC unavailable')
  await verify(key, await buildPayment())
  await verify(second.key, await buildPayment({ payer: someone, x402Version: 1 }))
  await verify(key, strange)
  const all = await logOnceItHas(base, key, 6)
  const middle = (all[3] as LogRow).at

  it.each<[string, (row: LogRow) => boolean]>([
    ['network=eip155:84532', (row) => row['network'] === 'eip155:84532'],
    ['network=eip155:1', () => false],
    ['outcome=valid', (row) => row['outcome'] === 'valid'],
    ['outcome=invalid', (row) => row['outcome'] === 'invalid'],
    ['outcome=error', (row) => row['outcome'] === 'error'],
    ['reason=invalid_network', (row) => row['reason'] === 'invalid_network'],
    ['reason=rpc_unavailable', (row) => row['reason'] === 'rpc_unavailable'],
    [`payer=${DEV_PAYER.address}`, (row) => row['payer'] === DEV_PAYER.address],
    [`payer=${DEV_PAYER.address.toLowerCase()}`, (row) => row['payer'] === DEV_PAYER.address],
    [`payer=${someone.address}`, (row) => row['payer'] === someone.address],
    [`keyId=${keyId}`, (row) => row['keyId'] === keyId],
    [`keyId=${second.apiKey.id}`, (row) => row['keyId'] === second.apiKey.id],
    [`from=${middle}`, (row) => row.at >= middle],
    [`to=${middle}`, (row) => row.at < middle],
    [`from=${middle}&to=${middle}`, () => false],
    [`outcome=valid&payer=${someone.address}&keyId=${second.apiKey.id}`, (row) => row['payer'] === someone.address],
    [`from=${encodeURIComponent(offsetTime(middle))}`, (row) => row.at >= middle],
  ])('by %s', async (query, isWanted) => {
    const { status, body } = await list(key, `?${query}`)
    expect(status).toBe(200)
    expect(body.data).toEqual(all.filter(isWanted))
  })

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=', 'limit'],
    ['outcome=VALID', 'outcome'],
    ['payer=0x12', 'payer'],
    ['payer=vitalik.eth', 'payer'],
    ['from=yesterday', 'from'],
    ['from=2026-13-01T00:00:00Z', 'from'],
    ['from=1795255284', 'from'],
    ['to=2026-01-01', 'to'],
  ])('a filter of the wrong form is refused: %s', async (query, param) => {
    const { status, body } = await list(key, `?${query}`)
    expect([status, body.error.code, body.error.param]).toEqual([400, 'parameter_invalid', param])
    expect(body.error.errors[0].fix).not.toBe('')
  })

  it.each(['payr=0x0', 'Outcome=valid', 'page=2', 'tenantId=x', 'constructor=x'])(
    'a parameter that is not there is refused, for a misspelt filter must not show everything: %s',
    async (query) => {
      const { status, body } = await list(key, `?${query}`)
      expect([status, body.error?.type]).toEqual([400, 'invalid_request_error'])
    },
  )

  it.each(['network', 'reason', 'keyId', 'cursor'])(
    'what no row can hold matches none, and is no failure of ours: a NUL in %s',
    async (name) => {
      const { status } = await list(key, `?${name}=a%00b`)
      expect(status).toBeLessThan(500)
    },
  )

  it('a span that begins before the plan’s retention is refused, with the days it has', async () => {
    const inside = new Date(Date.now() - 30 * DAY_MS + 60_000).toISOString()
    const outside = new Date(Date.now() - 30 * DAY_MS - 60_000).toISOString()
    expect((await list(key, `?from=${inside}`)).body.data).toHaveLength(6)
    const { status, body } = await list(key, `?from=${outside}`)
    expect([status, body.error.param]).toEqual([400, 'from'])
    expect(body.error.message).toContain('30 days')
    expect((await list(key, `?to=${outside}`)).body.data).toEqual([])
  })
})

/** The same moment, told by a clock two hours ahead. */
function offsetTime(iso: string): string {
  return new Date(new Date(iso).getTime() + 2 * 3_600_000).toISOString().replace('Z', '+02:00')
}

describe('a row shows the request as it came', () => {
  /** What the log keeps of a body: its row, with the request read as JSON. */
  async function kept(body: unknown): Promise<{ row: LogRow; detail: Answer }> {
    const { key } = await tenant()
    expect((await verify(key, body)).status).toBe(200)
    const row = await onlyRow(key)
    return { row, detail: await one(key, row.id) }
  }

  it('the same fields as in the list, and the body', async () => {
    const body = await buildPayment()
    const { row, detail } = await kept(body)
    expect(detail.body).toEqual({ ...row, request: body })
  })

  it.each<[string, unknown]>([
    ['a NUL', 'a\u0000b'],
    ['nothing but a NUL', '\u0000'],
    ['a lone high surrogate', 'x\ud83d'],
    ['a lone low surrogate', '\udc00x'],
    ['an emoji and other letters', 'grüße 💸 支払い'],
    ['backslashes and quotes', String.raw`C:\new\"x\u0000'; DROP TABLE verifications; --`],
    ['60 KB', `https://seller.example/${'é'.repeat(30_000)}`],
    ['512 characters with a surrogate pair over the edge', `${'x'.repeat(511)}💸`],
    ['nothing but a query', '?secret=1'],
    ['curly brackets and commas', '{},{"a"}'],
  ])('also when the resource is %s', async (_, resource) => {
    const { row, detail } = await kept(magicBody('valid', { resource: resource as string }))
    expect(detail.body.request.paymentPayload.resource.url).toBe(resource)
    const column = (row['resource'] ?? '') as string
    expect(column.length).toBeLessThanOrEqual(512)
    expect(column).not.toContain('?')
    expect(column).not.toContain('\u0000')
  })

  it('unknown fields, keys of any spelling and nulls included', async () => {
    const extra = { 'a\u0000': null, '': [], 'ключ"': { '\ud800': [true, -0.5, ''] } }
    const { detail } = await kept(magicBody('expired', { extra }))
    expect(detail.body.request).toMatchObject(extra)
  })

  it('numbers as they were written, and not as this machine would round them', async () => {
    const { key } = await tenant()
    const number = '12345678901234567890.12345678901234567890'
    const text = JSON.stringify(magicBody('valid', { extra: { note: 'NUMBER' } })).replace('"NUMBER"', number)
    expect((await verify(key, text)).status).toBe(200)
    const { id } = await onlyRow(key)
    const answer = await fetch(`${base}/verifications/${id}`, { headers: { authorization: `Bearer ${key}` } })
    expect(await answer.text()).toContain(number)
  })

  it('the largest amount that can be written', async () => {
    const amount = (2n ** 256n - 1n).toString()
    const { row } = await kept(magicBody('insufficient funds', { amount }))
    expect(row['amount']).toBe(amount)
    expect(row['amountTokens']).toBe(`${amount.slice(0, -6)}.${amount.slice(-6)}`)
  })

  it('addresses are shown with their checksum, however they came', async () => {
    const { row } = await kept(await buildPayment({ payTo: DEV_PAYEE.address.toLowerCase() as `0x${string}` }))
    expect(row['payTo']).toBe(getAddress(DEV_PAYEE.address))
  })

  it.each([
    ['a verification of nobody', newId('verification', Date.now())],
    ['one of the far future', 'ver_7zzzzzzzzzzzzzzzzzzzzzzzzz'],
    ['one from before the retention', newId('verification', Date.now() - 31 * DAY_MS)],
    ['a key', newId('apiKey', Date.now())],
    ['a tenant', newId('tenant', Date.now())],
    ['a request', newId('request', Date.now())],
    ['no id at all', 'x'],
    ['a NUL', 'ver_%00'],
    ['an id with more behind it', `${newId('verification', Date.now())}x`],
    ['a way out of the folder', '..%2f..%2fkey'],
  ])('an id of %s is 404', async (_, id) => {
    const { key } = await tenant()
    const answer = await one(key, id)
    expect([answer.status, answer.body.error?.code]).toEqual([404, 'resource_not_found'])
  })

  it('the id of its own request is 404 too, for it is of another kind', async () => {
    const { key } = await tenant()
    const answer = await magic(key, 'valid')
    const { id } = await onlyRow(key)
    const asRequest = answer.headers.get('x-request-id') ?? ''
    expect((await one(key, asRequest)).status).toBe(404)
    expect((await one(key, asRequest.replace('req_', 'ver_'))).status).toBe(404)
    expect((await one(key, id.toUpperCase())).status).toBe(404)
    expect((await one(key, id)).status).toBe(200)
  })
})
