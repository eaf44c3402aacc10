import { describe, expect, it } from 'vitest'
import { record, setUpCallerDirectory } from '@/tests/support/caller-directory'

const world = setUpCallerDirectory()
const { key, ask, pass } = world

describe('a change', () => {
  it('to the key is known within five seconds', async () => {
    world.store.add(key)
    await ask()
    world.store.rows.clear()
    world.store.changed = { keyIds: new Set(['key_1']), tenantIds: new Set() }
    await pass(4_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('to the tenant is known within five seconds', async () => {
    world.store.add(key)
    await ask()
    world.store.add(key, record({ tenantStatus: 'suspended' }))
    world.store.changed = { keyIds: new Set(), tenantIds: new Set(['ten_1']) }
    await pass(4_000)
    expect(await ask()).toBe('tenant_suspended')
  })

  it('to another key and tenant makes nobody look up anew', async () => {
    world.store.add(key)
    await ask()
    world.store.changed = { keyIds: new Set(['key_2']), tenantIds: new Set(['ten_2']) }
    await pass(10_000)
    await ask()
    expect(world.store.finds).toBe(1)
  })

  it('that comes while the key is being looked up is not overlooked', async () => {
    world.store.add(key)
    let answer = () => {}
    const find = world.store.find.bind(world.store)
    world.store.find = async (hash) => {
      const row = await find(hash)
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return row
    }
    const slow = ask()
    await pass(0)
    world.store.rows.clear()
    world.store.changed = { keyIds: new Set(['key_1']), tenantIds: new Set() }
    await pass(2_000)
    answer()
    expect(await slow).toBe('found')
    world.store.find = find
    await pass(2_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('costs one small query each two seconds, whatever the traffic', async () => {
    await pass(60_000)
    expect(world.store.syncs).toBe(30)
    world.directory.start()
    await pass(60_000)
    expect(world.store.syncs).toBe(60)
    world.directory.stop()
    await pass(60_000)
    expect(world.store.syncs).toBe(60)
  })
})

describe('with the database away', () => {
  it('a known key is believed for 60 seconds, and then it is our failure', async () => {
    world.store.add(key)
    await ask()
    world.store.isAway = true
    await pass(61_000)
    expect(await ask()).toBe('found')
    await pass(5_000)
    expect(await ask()).toBe('database_unavailable')
  })

  it('a key that is not known is our failure, never an invalid key', async () => {
    world.store.isAway = true
    expect(await ask()).toBe('database_unavailable')
    world.store.isAway = false
    world.store.add(key)
    expect(await ask()).toBe('found')
  })

  it('for longer than changes are told of, everything is looked up anew when it is back', async () => {
    world.store.add(key)
    await ask()
    world.store.isAway = true
    await pass(20_000)
    world.store.rows.clear()
    world.store.isAway = false
    await pass(2_000)
    expect(await ask()).toBe('api_key_invalid')
  })

  it('for a moment only, nothing is looked up anew', async () => {
    world.store.add(key)
    await ask()
    world.store.isAway = true
    await pass(8_000)
    world.store.isAway = false
    await pass(2_000)
    await ask()
    expect(world.store.finds).toBe(1)
  })

  it('an answer about changes that comes late counts as late: what fell between is looked up anew', async () => {
    world.store.add(key)
    await ask()
    await pass(2_000)
    world.store.isAway = true
    await pass(11_500)
    world.store.isAway = false
    let answer = () => {}
    world.store.delay = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await pass(500)
    world.store.delay = () => new Promise(() => undefined)
    await pass(5_000)
    world.store.rows.clear()
    answer()
    await pass(0)
    expect(await ask()).toBe('api_key_invalid')
  })
})
