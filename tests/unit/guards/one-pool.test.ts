import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Services } from '@/lib/services'

let built: Services | null = null

beforeAll(() => {
  // An address where nobody is: this test counts pools and needs no database.
  vi.stubEnv('DATABASE_URL', 'postgres://nobody:nothing@127.0.0.1:9/none')
  vi.stubEnv('REDIS_URL', '')
  vi.stubEnv('LOG_LEVEL', 'silent')
})

afterAll(async () => {
  await built?.stop()
  vi.unstubAllEnvs()
  vi.resetModules()
})

/** Loads the module as a bundle of its own would: with nothing in common but the process. */
async function load() {
  vi.resetModules()
  return import('@/lib/services')
}

describe('the composition root', () => {
  it('registers on the process: the server and the routes that Next bundles share one pool', async () => {
    const [one, other] = [await load(), await load()]
    expect(one).not.toBe(other)
    built = one.services()
    expect(other.services()).toBe(built)
    expect(await other.servicesStarted()).toBe(built)
  })

  it('makes one pool of connections, however often it is loaded', async () => {
    const pools: unknown[] = []
    vi.doMock('pg', async (original) => {
      const pg = await original<typeof import('pg')>()
      class CountedPool extends pg.Pool {
        constructor(...options: ConstructorParameters<typeof pg.Pool>) {
          super(...options)
          pools.push(this)
        }
      }
      return { ...pg, Pool: CountedPool }
    })
    const registry = globalThis as unknown as Record<symbol, unknown>
    const key = Symbol.for('payproof.services')
    const kept = registry[key]
    delete registry[key]
    try {
      const first = (await load()).services()
      for (let index = 0; index < 3; index++) expect((await load()).services()).toBe(first)
      expect(pools).toHaveLength(1)
      await first.stop()
    } finally {
      registry[key] = kept
      vi.doUnmock('pg')
    }
  })

  it('builds nothing when it is only loaded, for the build loads the routes without an environment', async () => {
    const registry = globalThis as unknown as Record<symbol, unknown>
    const key = Symbol.for('payproof.services')
    const kept = registry[key]
    delete registry[key]
    try {
      const { route, openEndpoint } = await load()
      expect(route({ GET: openEndpoint({ limit: 'public', handle: () => ({ body: {} }) }) })).toBeTypeOf('function')
      expect(registry[key]).toBeUndefined()
    } finally {
      registry[key] = kept
    }
  })
})
