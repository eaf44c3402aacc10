import { afterEach, beforeEach, vi } from 'vitest'
import { CallerDirectory } from '@/lib/api-keys/caller-directory'
import type { CallerRecord, CallerStore, Changes } from '@/lib/api-keys/caller-record'
import { generateKey, hashKey } from '@/lib/api-keys/key-format'
import { AppError } from '@/lib/core/errors'

const unavailable = new AppError('database_unavailable')
const NOTHING: Changes = { keyIds: new Set(), tenantIds: new Set() }

/** A key as the store knows it. */
export function record(changes: Partial<CallerRecord> = {}): CallerRecord {
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

/** What an answer is: `found`, or the code of its error. */
export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'found',
    (error: AppError) => error.code,
  )

/** A directory over a store of its own for each test, which goes by the fake timers. */
export function setUpCallerDirectory() {
  const key = generateKey('test')
  const renewed = () => {
    const store = new FakeStore()
    return { store, directory: new CallerDirectory({ now: Date.now, store }) }
  }
  const world = {
    ...renewed(),
    key,
    ask: (asked = key) => codeOf(world.directory.authenticate(asked)),
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  }

  beforeEach(() => {
    vi.useFakeTimers()
    Object.assign(world, renewed())
    world.directory.start()
  })

  afterEach(() => {
    world.directory.stop()
    vi.useRealTimers()
  })

  return world
}
