import { describe, expect, it } from 'vitest'
import { generateKey } from '@/lib/api-keys/key-format'
import { AppError } from '@/lib/core/errors'
import { codeOf, record, setUpCallerDirectory } from '@/tests/support/caller-directory'

const world = setUpCallerDirectory()
const { key, ask, pass } = world

describe('a key', () => {
  it('is looked up once and then known', async () => {
    world.store.add(key)
    for (let index = 0; index < 100; index++) expect((await world.directory.authenticate(key)).keyId).toBe('key_1')
    expect(world.store.finds).toBe(1)
    await pass(600_000)
    await ask()
    expect(world.store.finds).toBe(1)
  })

  it('that many requests ask for at once is looked up once', async () => {
    world.store.add(key)
    const records = await Promise.all(Array.from({ length: 200 }, () => world.directory.authenticate(key)))
    expect(world.store.finds).toBe(1)
    expect(new Set(records).size).toBe(1)
  })

  it('that is badly formed is refused without a look-up', async () => {
    for (const bad of ['', 'x', `${key.slice(0, -1)}!`, generateKey('test').slice(0, 40)]) {
      expect(await ask(bad)).toBe('api_key_invalid')
    }
    expect(world.store.finds).toBe(0)
  })

  it('that nobody has is refused, and not looked up again for five seconds', async () => {
    expect([await ask(), await ask()]).toEqual(['api_key_invalid', 'api_key_invalid'])
    expect(world.store.finds).toBe(1)
    world.store.add(key)
    await pass(5_001)
    expect(await ask()).toBe('found')
  })

  it('that was never seen is not looked up for who has tried too many', async () => {
    world.store.add(key)
    const tooMany = () => world.directory.authenticate(key, () => Promise.reject(new AppError('rate_limit_exceeded')))
    expect(await codeOf(tooMany())).toBe('rate_limit_exceeded')
    expect(world.store.finds).toBe(0)
    await ask()
    expect(await codeOf(tooMany())).toBe('found')
  })

  it('that was good is looked up again without being counted as one tried out', async () => {
    world.store.add(key)
    await ask()
    await pass(60_001)
    expect(await codeOf(world.directory.authenticate(key, () => Promise.reject(new Error('counted'))))).toBe('found')
  })

  it('is counted once however many requests bring it at once', async () => {
    world.store.add(key)
    let counted = 0
    const count = async () => ++counted
    await Promise.all(Array.from({ length: 50 }, () => world.directory.authenticate(key, count)))
    expect([counted, world.store.finds]).toEqual([1, 1])
  })

  it('that has expired is refused to the millisecond, though it is known', async () => {
    world.store.add(key, record({ expiresAt: new Date(Date.now() + 1_000) }))
    expect(await ask()).toBe('found')
    await pass(999)
    expect(await ask()).toBe('found')
    await pass(1)
    expect(await ask()).toBe('api_key_expired')
  })

  it('of a suspended tenant is refused as such', async () => {
    world.store.add(key, record({ tenantStatus: 'suspended' }))
    expect(await ask()).toBe('tenant_suspended')
  })
})
