import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it, vi } from 'vitest'
import { generateKey } from '@/lib/api-keys/key-format'
import { newId } from '@/lib/core/ids'
import { SCOPES, type Scope } from '@/lib/core/scopes'
import { fromOwnAddress } from '@/tests/support/addresses'
import { type Answer, type CallOptions, call } from '@/tests/support/api'
import { magicBody } from '@/tests/support/magic'
import { insertSettlement } from '@/tests/support/settlements'
import { createTenantWithKey, type TestTenant, withAdmin } from '@/tests/support/tenants'

const service = inject('service')
const { databaseUrl } = service

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

type Row = {
  method: Method
  /** A scope; `any`: every key; `open`: nobody needs a key, but one that is sent must be good; `none`: not looked at. */
  access: Scope | 'any' | 'open' | 'none'
  /** The status for a caller who may. */
  status: number
  body?: unknown
}

/**
 * What every route of the API asks of its caller. A file under pages/api/v1/x402 without a row here fails the tests,
 * and so does a method that a route answers and no row names.
 */
const ROUTES: Readonly<Record<string, readonly Row[]>> = {
  analytics: [{ method: 'GET', access: 'usage:read', status: 200 }],
  health: [{ method: 'GET', access: 'none', status: 200 }],
  key: [{ method: 'GET', access: 'any', status: 200 }],
  networks: [{ method: 'GET', access: 'any', status: 200 }],
  payments: [{ method: 'GET', access: 'payments:read', status: 200 }],
  'payments/[id]': [{ method: 'GET', access: 'payments:read', status: 200 }],
  'payments/stats': [{ method: 'GET', access: 'payments:read', status: 200 }],
  pricing: [{ method: 'GET', access: 'open', status: 200 }],
  settle: [{ method: 'POST', access: 'settle', status: 200, body: magicBody('valid') }],
  settlements: [{ method: 'GET', access: 'settle', status: 200 }],
  'settlements/[id]': [{ method: 'GET', access: 'settle', status: 200 }],
  supported: [{ method: 'GET', access: 'open', status: 200 }],
  usage: [{ method: 'GET', access: 'any', status: 200 }],
  verifications: [{ method: 'GET', access: 'logs:read', status: 200 }],
  'verifications/[id]': [{ method: 'GET', access: 'logs:read', status: 200 }],
  verify: [{ method: 'POST', access: 'verify', status: 200, body: magicBody('valid') }],
}

const FOLDER = join(process.cwd(), 'pages/api/v1/x402')
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => file.replace(/\.tsx?$/, '').replace(/\/?index$/, ''))
  .sort()

const cases = Object.entries(ROUTES).flatMap(([route, rows]) => rows.map((row) => ({ route, ...row })))
const named = (wanted: (row: (typeof cases)[number]) => boolean) =>
  cases.filter(wanted).map((row) => [`${row.method} /${row.route}`, row] as const)
const everyCase = named(() => true)
const keyCases = named(({ access }) => access !== 'none')
const unkeyedCases = named(({ access }) => access === 'none')
const closedCases = named(({ access }) => access !== 'none' && access !== 'open')
const scopedCases = named(({ access }) => access !== 'none' && access !== 'open' && access !== 'any')
const idCases = named(({ route }) => route.includes('['))

const createKey = (tenant: TestTenant, change: { mode?: 'live' | 'test'; expiresAt?: Date; scopes?: Scope[] } = {}) =>
  withAdmin(databaseUrl, (admin) =>
    admin.createApiKey({
      tenantId: tenant.tenantId,
      mode: 'test',
      name: 'another',
      scopes: SCOPES,
      expiresAt: null,
      ...change,
    }),
  )

/** Sends a magic payment for a resource and gives the id of its row, once it is there. */
async function logged(key: string, resource: string, network?: string): Promise<string> {
  const body = magicBody('valid', { resource })
  if (network) body.paymentRequirements.network = network
  const { status } = await call(`${service.base}/verify`, { key, body })
  expect(status).toBe(200)
  return vi.waitFor(async () => {
    const list = await call(`${service.base}/verifications?limit=100`, { key })
    const row = list.body.data.find((entry: { resource: string }) => entry.resource === resource)
    expect(row).toBeDefined()
    return row.id as string
  }, 20_000)
}

/** A settlement of a resource, straight in the table. */
async function settled(tenantId: string, resource: string, mode: 'live' | 'test' = 'test'): Promise<string> {
  const network = mode === 'live' ? 'eip155:8453' : 'eip155:84532'
  return (await insertSettlement(databaseUrl, { tenantId, mode, network, resource, state: 'final' })).id
}

/** What a route's `[id]` stands for, of one owner. */
type Ids = { verification: string; settlement: string }

// Two tenants; the first one has rows of both modes. Each has a word of its own in its rows.
const [mine, other, sleeper] = await Promise.all([
  createTenantWithKey(databaseUrl),
  createTenantWithKey(databaseUrl),
  createTenantWithKey(databaseUrl),
])
const CANARIES = { mine: 'canary-of-mine', live: 'canary-of-live', other: 'canary-of-other' }
const liveKey = (await createKey(mine, { mode: 'live' })).key
const resourceOf = (whose: keyof typeof CANARIES) => `https://seller.example/${CANARIES[whose]}`
const [mineIds, liveIds, otherIds] = await Promise.all([
  idsOf(logged(mine.key, resourceOf('mine')), settled(mine.tenantId, resourceOf('mine'))),
  idsOf(logged(liveKey, resourceOf('live'), 'eip155:8453'), settled(mine.tenantId, resourceOf('live'), 'live')),
  idsOf(logged(other.key, resourceOf('other')), settled(other.tenantId, resourceOf('other'))),
])
const [revoked, expired] = await Promise.all([
  createKey(mine),
  createKey(mine, { expiresAt: new Date(Date.now() - 1_000) }),
])
await withAdmin(databaseUrl, async (admin) => {
  await admin.revokeApiKey(mine.tenantId, revoked.apiKey.id)
  await admin.changeTenant(sleeper.tenantId, { status: 'suspended' })
})

async function idsOf(verification: Promise<string>, settlement: Promise<string>): Promise<Ids> {
  return { verification: await verification, settlement: await settlement }
}

const nobodysIds = (): Ids => ({
  verification: newId('verification', Date.now()),
  settlement: newId('settlement', Date.now()),
})
const idFor = (route: string, ids: Ids) => (route.startsWith('verifications') ? ids.verification : ids.settlement)
const url = (route: string, ids = mineIds) => `${service.base}/${route.replace('[id]', idFor(route, ids))}`
function send({ route, method, body }: Pick<Row, 'method' | 'body'> & { route: string }, options: CallOptions) {
  return call(url(route), { method, ...(body !== undefined && { body }), headers: fromOwnAddress(), ...options })
}

describe('the table of routes is whole', () => {
  it('every file has its row', () => {
    expect(FILES).toEqual(Object.keys(ROUTES).sort())
  })

  it.each(Object.entries(ROUTES))('%s answers the methods of its rows and no other', async (route, rows) => {
    const preflight = await call(url(route), { method: 'OPTIONS' })
    const answered = preflight.headers.get('access-control-allow-methods')?.split(', ') ?? []
    expect(answered.filter((method) => method !== 'OPTIONS').sort()).toEqual(rows.map(({ method }) => method).sort())
    for (const method of METHODS.filter((candidate) => !rows.some((row) => row.method === candidate))) {
      const answer = await call(url(route), { method, key: mine.key, ...(method !== 'GET' && { body: {} }) })
      expect(answer).toMatchObject({ status: 405, body: { error: { code: 'method_not_allowed' } } })
      expect(answer.headers.get('allow')).toBe([...rows.map((row) => row.method), 'OPTIONS'].join(', '))
    }
  })
})

describe('who may', () => {
  it.each(everyCase)('%s answers a key that has all scopes', async (_, row) => {
    const answer = await send(row, { key: mine.key })
    expect(answer.status).toBe(row.status)
  })

  it.each(scopedCases)('%s needs its scope and no other', async (_, row) => {
    const { key } = await createKey(mine, { scopes: [row.access as Scope] })
    expect((await send(row, { key })).status).toBe(row.status)
  })
})

describe('who may not', () => {
  it.each(everyCase)('%s without a key', async (_, row) => {
    const answer = await send(row, {})
    if (row.access === 'open' || row.access === 'none') expect(answer.status).toBe(row.status)
    else expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_missing' } } })
  })

  it.each(unkeyedCases)('%s is answered whatever key comes with it', async (_, row) => {
    for (const key of [generateKey('test'), revoked.key, expired.key, 'x']) {
      expect((await send(row, { key })).status).toBe(row.status)
    }
  })

  it.each(keyCases)('%s with a key nobody was given', async (_, row) => {
    const answer = await send(row, { key: generateKey('test') })
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_invalid' } } })
  })

  it.each(keyCases)('%s with a revoked key', async (_, row) => {
    const answer = await send(row, { key: revoked.key })
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_invalid' } } })
  })

  it.each(keyCases)('%s with an expired key', async (_, row) => {
    const answer = await send(row, { key: expired.key })
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'api_key_expired' } } })
  })

  it.each(closedCases)('%s for a suspended tenant', async (_, row) => {
    const answer = await send(row, { key: sleeper.key })
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'tenant_suspended' } } })
  })

  it.each(scopedCases)('%s with every scope but its own', async (_, row) => {
    const { key } = await createKey(mine, { scopes: SCOPES.filter((scope) => scope !== row.access) })
    const answer = await send(row, { key })
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'insufficient_scope' } } })
    expect(answer.body.error.message).toContain(`"${row.access}"`)
  })

  it.each(closedCases)('%s as HEAD, or with an internal header of the framework, is no way around', async (_, row) => {
    const headers = {
      ...fromOwnAddress(),
      'x-middleware-subrequest': 'middleware:middleware:middleware:middleware:middleware',
      'x-nextjs-data': '1',
      'x-middleware-prefetch': '1',
      'x-invoke-path': '/api/v1/x402/pricing',
      'x-matched-path': '/api/v1/x402/pricing',
    }
    expect((await send(row, { headers })).status).toBe(401)
    if (row.method === 'GET') expect((await send({ ...row, method: 'HEAD' as Method }, {})).status).toBe(401)
  })
})

describe('what belongs to somebody else is not there', () => {
  /** All of an error that may differ between two answers is taken out of it. */
  const shapeOf = ({ status, headers, body }: Answer) => ({
    status,
    body: { ...body, error: { ...body.error, requestId: 'req' } },
    headers: [...headers.keys()].sort(),
  })

  it.each(idCases)('%s with an id of another tenant is the same 404 as with one of nobody', async (_, { route }) => {
    const ask = (ids: Ids, key = mine.key) => call(url(route, ids), { key })
    const foreign = await ask(otherIds)
    expect(foreign).toMatchObject({ status: 404, body: { error: { code: 'resource_not_found' } } })
    expect(JSON.stringify(foreign.body)).not.toContain(CANARIES.other)
    const nobodys = await ask(nobodysIds())
    expect(shapeOf(foreign)).toEqual(shapeOf(nobodys))
    expect((await ask(otherIds, other.key)).status).toBe(200)
  })

  it.each(idCases)('%s of the same tenant in the other mode is not there either', async (_, { route }) => {
    const ask = (ids: Ids, key: string) => call(url(route, ids), { key })
    expect(shapeOf(await ask(liveIds, mine.key))).toEqual(shapeOf(await ask(nobodysIds(), mine.key)))
    expect((await ask(mineIds, liveKey)).status).toBe(404)
    expect((await ask(liveIds, liveKey)).status).toBe(200)
    expect((await ask(mineIds, mine.key)).status).toBe(200)
  })

  it('no answer of any GET route shows a word of another tenant or of the other mode', async () => {
    const readers = [
      { key: mine.key, sees: CANARIES.mine },
      { key: liveKey, sees: CANARIES.live },
      { key: other.key, sees: CANARIES.other },
    ]
    const foreign = { payer: '0x4020000000000000000000000000000000000001', reason: 'x', network: 'eip155:84532' }
    const queries = ['', '?limit=100', ...Object.entries(foreign).map(([name, value]) => `?${name}=${value}`)]
    for (const { key, sees } of readers) {
      const paths = named(({ method }) => method === 'GET').flatMap(([, { route }]) => [
        ...queries.map((query) => `${url(route)}${query}`),
        ...[mineIds, liveIds, otherIds].map((ids) => url(route, ids)),
      ])
      paths.push(url('verifications?keyId='), ...[mine, other].map(({ keyId }) => url(`verifications?keyId=${keyId}`)))
      const answers = await Promise.all(paths.map((path) => call(path, { key })))
      const texts = answers.map(({ body, headers }) => JSON.stringify([body, [...headers]]))
      const words = Object.values(CANARIES)
      const seen = words.filter((word) => texts.some((text) => text.includes(word)))
      expect(seen).toEqual([sees])
    }
  })

  it('nor do its numbers: usage and analytics count the own mode only', async () => {
    const numbers = async (key: string) => {
      const [usage, analytics] = await Promise.all([
        call(url('usage'), { key }),
        call(url('analytics?days=1'), { key }),
      ])
      return [usage.body.verifications.used, analytics.body.totals.total, analytics.body.topResources.length]
    }
    // The live payment was refused, for no mainnet is served here, and resources are listed when they were paid.
    expect(await numbers(liveKey)).toEqual([1, 1, 0])
    expect(await numbers(other.key)).toEqual([1, 1, 1])
  })

  it('the time of a 404 does not tell a foreign id from one of nobody', async () => {
    const samples: Record<'foreign' | 'nobody', number[]> = { foreign: [], nobody: [] }
    for (let index = 0; index < 400; index++) {
      const kind = index % 2 === 0 ? 'foreign' : 'nobody'
      // Of the same moment as the foreign one, so that the same partition is looked at.
      const { verification } = otherIds
      const nobodys = verification.slice(0, 14) + newId('verification', Date.now()).slice(14)
      const ids = { ...otherIds, verification: kind === 'foreign' ? verification : nobodys }
      const begunAt = performance.now()
      const { status } = await call(url('verifications/[id]', ids), { key: mine.key })
      samples[kind].push(performance.now() - begunAt)
      expect(status).toBe(404)
    }
    expect(Math.abs(welchT(trimmed(samples.foreign), trimmed(samples.nobody)))).toBeLessThan(4.5)
  })
})

/** Without the slowest tenth, which is garbage collection and what else runs on the machine. */
function trimmed(values: number[]): number[] {
  return [...values].sort((a, b) => a - b).slice(0, Math.ceil(values.length * 0.9))
}

function welchT(a: number[], b: number[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const error = (values: number[]) =>
    values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1) / values.length
  return (mean(a) - mean(b)) / Math.sqrt(error(a) + error(b))
}
