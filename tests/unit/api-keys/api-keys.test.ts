import { describe, expect, it } from 'vitest'
import type { ApiKey, ApiKeyStore, NewApiKey } from '@/lib/api-keys/api-key-store'
import { createApiKey } from '@/lib/api-keys/create-api-key'
import { describeKey } from '@/lib/api-keys/describe-key'
import { hashKey, isWellFormedKey } from '@/lib/api-keys/key-format'
import { revokeApiKey } from '@/lib/api-keys/revoke-api-key'
import { OVERLAPS, type Overlap, rotateApiKey } from '@/lib/api-keys/rotate-api-key'
import { newId } from '@/lib/core/ids'

const NOW = 1_800_000_000_000
const now = () => NOW
const tenantId = newId('tenant', NOW)

/** The keys of tenants, in memory. */
function fakeStore() {
  const rows: (ApiKey & { hash: string })[] = []
  const find: ApiKeyStore['find'] = async (owner, id) =>
    rows.find((row) => row.tenantId === owner && row.id === id) ?? null
  const apiKeys: ApiKeyStore = {
    find,
    list: async (owner) => rows.filter((row) => row.tenantId === owner),
    async insert(key: NewApiKey) {
      const row = { ...key, createdAt: new Date(NOW), revokedAt: null, lastUsedAt: null }
      rows.push(row)
      return row
    },
    async update(owner, id, change) {
      const row = await find(owner, id)
      return row && Object.assign(row, change)
    },
  }
  return { apiKeys, rows }
}

const input = {
  tenantId,
  mode: 'test',
  name: ' Web shop ',
  scopes: ['verify', 'verify', 'settle'],
  expiresAt: null,
} as const

describe('createApiKey', () => {
  it('gives the key once and stores only its hash and a hint', async () => {
    const { apiKeys, rows } = fakeStore()
    const { key, apiKey } = await createApiKey({ now, apiKeys }, input)
    expect(isWellFormedKey(key)).toBe(true)
    expect(rows[0]?.hash).toBe(hashKey(key))
    expect(JSON.stringify(rows)).not.toContain(key)
    expect(apiKey).toMatchObject({
      name: 'Web shop',
      scopes: ['verify', 'settle'],
      lastFour: key.slice(-4),
      mode: 'test',
    })
  })

  it('a key without a scope is refused', async () => {
    const { apiKeys, rows } = fakeStore()
    const made = createApiKey({ now, apiKeys }, { ...input, scopes: [] })
    await expect(made).rejects.toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'scopes' }] })
    expect(rows).toEqual([])
  })

  it.each([
    ['', 'test key'],
    ['   ', 'test key'],
    ['x'.repeat(500), 'x'.repeat(100)],
  ])('the name %j is kept as a name of 1 to 100 characters', async (name, kept) => {
    const { apiKeys } = fakeStore()
    expect((await createApiKey({ now, apiKeys }, { ...input, name })).apiKey.name).toBe(kept)
  })
})

describe('revokeApiKey', () => {
  it('ends a key now', async () => {
    const { apiKeys } = fakeStore()
    const { apiKey } = await createApiKey({ now, apiKeys }, input)
    expect((await revokeApiKey({ now, apiKeys }, tenantId, apiKey.id)).revokedAt).toEqual(new Date(NOW))
  })

  it('another tenant’s key is not found', async () => {
    const { apiKeys, rows } = fakeStore()
    const { apiKey } = await createApiKey({ now, apiKeys }, input)
    const revoked = revokeApiKey({ now, apiKeys }, newId('tenant', NOW), apiKey.id)
    await expect(revoked).rejects.toMatchObject({ code: 'resource_not_found' })
    expect(rows[0]?.revokedAt).toBeNull()
  })
})

describe('rotateApiKey', () => {
  async function rotate(overlap: Overlap, expiresAt: Date | null = null) {
    const { apiKeys, rows } = fakeStore()
    const { apiKey: old } = await createApiKey({ now, apiKeys }, { ...input, expiresAt })
    const { key, apiKey } = await rotateApiKey({ now, apiKeys }, { tenantId, id: old.id, overlap })
    return { key, successor: apiKey, old: rows[0] as ApiKey }
  }

  it('makes a successor with the same mode, name, scopes and end', async () => {
    const expiresAt = new Date(NOW + 30 * 86_400_000)
    const { key, successor, old } = await rotate('24h', expiresAt)
    expect(successor).toMatchObject({ mode: old.mode, name: old.name, scopes: old.scopes, expiresAt })
    expect(isWellFormedKey(key)).toBe(true)
    expect(successor.id).not.toBe(old.id)
  })

  it('at once revokes the old key', async () => {
    const { old } = await rotate('now')
    expect(old.revokedAt).toEqual(new Date(NOW))
  })

  it.each([
    ['1h', 3_600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ] as const)('with an overlap of %s lets the old key work for so long', async (overlap, ms) => {
    const { old } = await rotate(overlap)
    expect([old.revokedAt, old.expiresAt]).toEqual([null, new Date(NOW + ms)])
    expect(OVERLAPS[overlap]).toBe(ms)
  })

  it('never lets the old key live longer than it would have', async () => {
    const expiresAt = new Date(NOW + 60_000)
    expect((await rotate('7d', expiresAt)).old.expiresAt).toEqual(expiresAt)
  })

  it('a key that was revoked, and one of another tenant, is not found, and no successor is made', async () => {
    const { apiKeys, rows } = fakeStore()
    const { apiKey } = await createApiKey({ now, apiKeys }, input)
    const by = (owner: typeof tenantId) =>
      rotateApiKey({ now, apiKeys }, { tenantId: owner, id: apiKey.id, overlap: '1h' })
    await expect(by(newId('tenant', NOW))).rejects.toMatchObject({ code: 'resource_not_found' })
    await revokeApiKey({ now, apiKeys }, tenantId, apiKey.id)
    await expect(by(tenantId)).rejects.toMatchObject({ code: 'resource_not_found' })
    expect(rows).toHaveLength(1)
  })
})

describe('describeKey', () => {
  it('tells the holder who it is, and never the key', () => {
    const caller = {
      keyId: newId('apiKey', NOW),
      keyName: 'Web shop',
      mode: 'live',
      scopes: new Set(['verify']),
      expiresAt: new Date(NOW),
      tenantId,
      tenantName: 'A shop',
      tenantStatus: 'active',
      plan: 'pro',
      periodStart: null,
      periodEnd: null,
      overrides: [],
    } as const
    expect(describeKey(caller as never, { minute: 1, hour: 2, month: null })).toEqual({
      id: caller.keyId,
      name: 'Web shop',
      mode: 'live',
      scopes: ['verify'],
      expiresAt: '2027-01-15T08:00:00.000Z',
      tenant: { id: tenantId, name: 'A shop' },
      plan: 'pro',
      limits: { requestsPerMinute: 1, requestsPerHour: 2, verificationsPerMonth: null },
    })
  })
})
