import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CallerDirectory } from '@/lib/api-keys/caller-directory'
import type { CallerRecord, CallerStore, Changes } from '@/lib/api-keys/caller-record'
import { generateKey, hashKey } from '@/lib/api-keys/key-format'
import { AppError } from '@/lib/core/errors'

const unavailable = new AppError('database_unavailable')
const NOTHING: Changes = { keyIds: new Set(), tenantIds: new Set() }

function record(changes: Partial<CallerRecord> = {}): CallerRecord {
  return {
    keyId: 'key_1' as CallerRecord['keyId'],
    keyName: 'a key',
    mode: 'test',
    scopes: new Set(['verify']),
    expiresAt: null,
    tenantId: 'ten_1' as CallerRecord['tenantId'],
    tenantName: 'A tenant',
    tenantStatus: 'active',
    plan: 'pro',
    periodStart: null,
    periodEnd: null,
    waitUntil: 'mined',
    acceptsOthers: true,
    overrides: [],
    ...changes,
  }
}

/** A store as a plain object, whose rows a test changes; the time goes with the fake timers. */
class FakeStore implements CallerStore {
  readonly rows = new Map<string, CallerRecord>()
  changed: Changes = NOTHING
  isAway = false
  finds = 0
  syncs = 0
  /** Awaited before every answer to `changes`. */
  delay: () => Promise<void> = async () => undefined

  add(key: string, row = record()): void {
    this.rows.set(hashKey(key), row)
  }

  async find(hash: string): Promise<CallerRecord | null> {
    this.finds++
    if (this.isAway) throw unavailable
    return this.rows.get(hash) ?? null
  }

  async changes(): Promise<Changes> {
    this.syncs++
    await this.delay()
    if (this.isAway) throw unavailable
    return this.changed
  }
}

let store: FakeStore
let directory: CallerDirectory
const key = generateKey('test')
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'found',
    (error: AppError) => error.code,
  )
const ask = (asked = key) => codeOf(directory.authenticate(asked))

beforeEach(() => {
  vi.useFakeTimers()
  store = new FakeStore()
  directory = new CallerDirectory({ now: Date.now, store })
  directory.start()
})

afterEach(() => {
  directory.stop()
  vi.useRealTimers()
})

describe('a key', () => {
  it('is looked up once and then known', async () => {
    store.add(key)
    for (let index = 0; index < 100; index++) expect((await directory.authenticate(key)).keyId).toBe('key_1')
    expect(store.finds).toBe(1)
    await pass(600_000)
    await ask()
    expect(store.finds).toBe(1)
  })

  it('that many requests ask for at once is looked up once', async () => {
    store.add(key)
    const records = await Promise.all(Array.from({ length: 200 }, () => directory.authenticate(key)))
    expect(store.finds).toBe(1)
    expect(new Set(records).size).toBe(1)
  })

  it('that is badly formed is refused without a look-up', async () => {
    for (const bad of ['', 'x', `${key.slice(0, -1)}!`, generateKey('test').slice(0, 40)]) {
      expect(await ask(bad)).toBe('api_key_invalid')
    }
    expect(store.finds).toBe(0)
  })

  it('that nobody has is refused, and not looked up again for five seconds', async () => {
    expect([await ask(), await ask()]).toEqual(['api_key_invalid', 'api_key_invalid'])
    expect(store.finds).toBe(1)
    store.add(key)
    await pass(5_001)
    expect(await ask()).toBe('found')
  })

  it('that was never seen is not looked up for who has tried too many', async () => {
    store.add(key)
    const tooMany = () => directory.authenticate(key, () => Promise.reject(new AppError('rate_limit_exceeded')))
    expect(await codeOf(tooMany())).toBe('rate_limit_exceeded')
    expect(store.finds).toBe(0)
    await ask()
    expect(await codeOf(tooMany())).toBe('found')
  })

  it('that was good is looked up again without being counted as one tried out', async () => {
    store.add(key)
    await ask()
    await pass(60_001)
    expect(await codeOf(directory.authenticate(key, () => Promise.reject(new Error('counted'))))).toBe('found')
  })

  it('is counted once however many requests bring it at once', async () => {
    store.add(key)
    let counted = 0
    const count = async () => ++counted
    await Promise.all(Array.from({ length: 50 }, () => directory.authenticate(key, count)))
    expect([counted, store.finds]).toEqual([1, 1])
  })

  it('that has expired is refused to the millisecond, though it is known', async () => {
    store.add(key, record({ expiresAt: new Date(Date.now() + 1_000) }))
    expect(await ask()).toBe('found')
    await pass(999)
    expect(await ask()).toBe('found')
    await pass(1)
    expect(await ask()).toBe('api_key_expired')
  })

  it('of a suspended tenant is refused as such', async () => {
    store.add(key, record({ tenantStatus: 'suspended' }))
    expect(await ask()).toBe('tenant_suspended')
  })
})

describe('a change', () => {
  it('to the key is known within five seconds', async () => {
    store.add(key)
    await ask()
    store.rows.clear()
    store.changed = { keyIds: new Set(['key_1']), tenantIds: new Set() }
    await pass(4_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('to the tenant is known within five seconds', async () => {
    store.add(key)
    await ask()
    store.add(key, record({ tenantStatus: 'suspended' }))
    store.changed = { keyIds: new Set(), tenantIds: new Set(['ten_1']) }
    await pass(4_000)
    expect(await ask()).toBe('tenant_suspended')
  })

  it('to another key and tenant makes nobody look up anew', async () => {
    store.add(key)
    await ask()
    store.changed = { keyIds: new Set(['key_2']), tenantIds: new Set(['ten_2']) }
    await pass(10_000)
    await ask()
    expect(store.finds).toBe(1)
  })

  it('that comes while the key is being looked up is not overlooked', async () => {
    store.add(key)
    let answer = () => {}
    const find = store.find.bind(store)
    store.find = async (hash) => {
      const row = await find(hash)
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return row
    }
    const slow = ask()
    await pass(0)
    store.rows.clear()
    store.changed = { keyIds: new Set(['key_1']), tenantIds: new Set() }
    await pass(2_000)
    answer()
    expect(await slow).toBe('found')
    store.find = find
    await pass(2_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('costs one small query each two seconds, whatever the traffic', async () => {
    await pass(60_000)
    expect(store.syncs).toBe(30)
    directory.start()
    await pass(60_000)
    expect(store.syncs).toBe(60)
    directory.stop()
    await pass(60_000)
    expect(store.syncs).toBe(60)
  })
})

describe('with the database away', () => {
  it('a known key is believed for 60 seconds, and then it is our failure', async () => {
    store.add(key)
    await ask()
    store.isAway = true
    await pass(61_000)
    expect(await ask()).toBe('found')
    await pass(5_000)
    expect(await ask()).toBe('database_unavailable')
  })

  it('a key that is not known is our failure, never an invalid key', async () => {
    store.isAway = true
    expect(await ask()).toBe('database_unavailable')
    store.isAway = false
    store.add(key)
    expect(await ask()).toBe('found')
  })

  it('for longer than changes are told of, everything is looked up anew when it is back', async () => {
    store.add(key)
    await ask()
    store.isAway = true
    await pass(20_000)
    store.rows.clear()
    store.isAway = false
    await pass(2_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('for a moment only, nothing is looked up anew', async () => {
    store.add(key)
    await ask()
    store.isAway = true
    await pass(8_000)
    store.isAway = false
    await pass(2_000)
    await ask()
    expect(store.finds).toBe(1)
  })

  it('an answer about changes that comes late counts as late: what fell between is looked up anew', async () => {
    store.add(key)
    await ask()
    await pass(2_000)
    store.isAway = true
    await pass(11_500)
    store.isAway = false
    let answer = () => {}
    store.delay = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await pass(500)
    store.delay = () => new Promise(() => undefined)
    await pass(5_000)
    store.rows.clear()
    answer()
    await pass(0)
    expect(await ask()).toBe('api_key_invalid')
  })
})
