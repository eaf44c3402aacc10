import { BoundedMap } from '@/lib/core/bounded-map'
import { type Clock, SECOND_MS } from '@/lib/core/clock'
import { AppError } from '@/lib/core/errors'
import type { CallerRecord, CallerStore, Changes } from './caller-record'
import { hashKey, isWellFormedKey } from './key-format'

export type CallerDirectoryDeps = { now: Clock; store: CallerStore }

type Entry = { record: CallerRecord | null; readAt: number }

const SYNC_MS = 2 * SECOND_MS
/** Longer than any gap between two syncs that both succeeded on time, so that no change falls between them. */
const CHANGES_SECONDS = 15
/** With the database away, known keys are believed for a minute since it was; the last sync was some seconds before. */
const BELIEVE_MS = 60 * SECOND_MS + 2 * SYNC_MS
const UNKNOWN_KEY_MS = 5 * SECOND_MS
const KNOWN_KEYS = 100_000
const UNKNOWN_KEYS = 10_000

/**
 * Finds who a key belongs to, from memory. Every two seconds it asks what changed and forgets it, so that a revoked
 * key is refused everywhere within five seconds, whatever the traffic, at the cost of one small query.
 */
export class CallerDirectory {
  private readonly known = new BoundedMap<string, Entry>(KNOWN_KEYS)
  private readonly unknown = new BoundedMap<string, Entry>(UNKNOWN_KEYS)
  private readonly reading = new Map<string, Promise<CallerRecord | null>>()
  private syncedAt: number
  private timer: NodeJS.Timeout | null = null

  constructor(private readonly deps: CallerDirectoryDeps) {
    this.syncedAt = deps.now()
  }

  /**
   * A key that was never seen costs a look-up; `beforeLookUp` throws when whoever sends it has had too many.
   *
   * @throws AppError `api_key_invalid`, `api_key_expired`, `tenant_suspended`, `database_unavailable`
   */
  async authenticate(key: string, beforeLookUp?: () => Promise<unknown>): Promise<CallerRecord> {
    if (!isWellFormedKey(key)) throw new AppError('api_key_invalid')
    const hash = hashKey(key)
    const entry = this.remembered(hash)
    const record = entry ? entry.record : await this.readOnce(hash, beforeLookUp)
    if (!record) throw new AppError('api_key_invalid')
    if (record.expiresAt && record.expiresAt.getTime() <= this.deps.now()) throw new AppError('api_key_expired')
    if (record.tenantStatus === 'suspended') throw new AppError('tenant_suspended')
    return record
  }

  /** Asks every two seconds what changed. */
  start(): void {
    // While the database is away a sync fails; what is known stays for 60 s, and the health route tells the cause.
    this.timer ??= setInterval(() => void this.sync().catch(() => undefined), SYNC_MS).unref()
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer)
    this.timer = null
  }

  private remembered(hash: string): Entry | undefined {
    const entry = this.known.get(hash) ?? this.unknown.get(hash)
    if (!entry) return undefined
    const now = this.deps.now()
    const believed = entry.record ? now - this.syncedAt <= BELIEVE_MS : now - entry.readAt <= UNKNOWN_KEY_MS
    return believed ? entry : undefined
  }

  /** One query for a key, however many requests ask for it at once. */
  private readOnce(hash: string, beforeLookUp?: () => Promise<unknown>): Promise<CallerRecord | null> {
    const under = this.reading.get(hash)
    if (under) return under
    const fresh = this.read(hash, beforeLookUp).finally(() => this.reading.delete(hash))
    this.reading.set(hash, fresh)
    return fresh
  }

  private async read(hash: string, beforeLookUp?: () => Promise<unknown>): Promise<CallerRecord | null> {
    // Who sends a key that was good a while ago does not try keys out.
    if (!this.known.get(hash)) await beforeLookUp?.()
    const readAt = this.deps.now()
    const record = await this.deps.store.find(hash)
    const memory = record ? this.known : this.unknown
    memory.set(hash, { record, readAt })
    return record
  }

  private async sync(): Promise<void> {
    const askedAt = this.deps.now()
    const changes = await this.deps.store.changes(CHANGES_SECONDS)
    // By the clock of now, for nobody knows when on its way the question was answered.
    if (this.deps.now() - this.syncedAt > (CHANGES_SECONDS - 1) * SECOND_MS) this.known.clear()
    this.known.deleteWhere(({ record }) => record !== null && isChanged(record, changes))
    this.syncedAt = Math.max(this.syncedAt, askedAt)
  }
}

function isChanged({ keyId, tenantId }: CallerRecord, { keyIds, tenantIds }: Changes): boolean {
  return keyIds.has(keyId) || tenantIds.has(tenantId)
}
