import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { createSettlerStore } from '@/lib/adapters/postgres/settler-store'
import { readSettlingState } from '@/lib/adapters/postgres/settling-state'
import type { NetworkReport } from '@/lib/settlements/settler-store'
import { fromOwnAddress } from '@/tests/support/addresses'
import { call } from '@/tests/support/api'
import { SETTLER } from '@/tests/support/settling'
import { createDatabase, type RunningWeb, startWeb } from '@/tests/support/stack'

const { base, postgresUrl, rpcUrl } = inject('service')
const NETWORK = 'eip155:84532'

const report = (problem: string | null): NetworkReport => ({
  problem,
  wallets: [],
  queue: { waiting: 0, oldestSeconds: 0 },
  open: { transactions: 0, oldestSeconds: 0 },
  stuckNonces: [],
  unattended: [],
})

let pool: Pool
let web: RunningWeb
let store: ReturnType<typeof createSettlerStore>

beforeAll(async () => {
  const databaseUrl = await createDatabase(postgresUrl)
  pool = new Pool({ connectionString: databaseUrl, max: 2 })
  store = createSettlerStore(pool)
  web = await startWeb({ databaseUrl, rpcUrls: { 84532: rpcUrl } })
})
afterAll(async () => {
  await web?.stop()
  await pool?.end()
})

const say = (problem: string | null) => store.report(NETWORK, report(problem))
/** All that was written of the network lies so many seconds further back. */
const age = (seconds: number) =>
  pool.query(
    `UPDATE network_reports SET able_since = able_since - $1::int * interval '1 second',
       unable_since = unable_since - $1::int * interval '1 second'`,
    [seconds],
  )
const written = async () => (await readSettlingState(pool)).networks.get(NETWORK)
const isListed = async () => (await written())?.isListed

describe('what the worker says of a network', () => {
  it('lists it from the first time on, able or not, for sellers exit at start when a kind is missing', async () => {
    for (const problem of [null, 'no wallet has money for gas']) {
      await pool.query('DELETE FROM network_reports')
      await say(problem)
      expect(await isListed()).toBe(true)
    }
  })

  it('drops it after five minutes without being able to settle, and not before', async () => {
    await pool.query('DELETE FROM network_reports')
    await say(null)
    await say('the RPC is away')
    await age(290)
    await say('the RPC is away')
    expect(await isListed()).toBe(true)
    await age(11)
    await say('no wallet has money for gas')
    expect(await written()).toMatchObject({ isListed: false, report: { problem: 'no wallet has money for gas' } })
  })

  it('does not drop it for many short failures: each counts for itself', async () => {
    await pool.query('DELETE FROM network_reports')
    for (let time = 0; time < 4; time++) {
      await say('the RPC is away')
      await age(200)
      await say(null)
    }
    expect(await isListed()).toBe(true)
    expect((await written())?.unableSeconds).toBeNull()
  })

  it('lists it again after one minute of being able, and not before', async () => {
    await pool.query('DELETE FROM network_reports')
    await say('the RPC is away')
    await age(301)
    await say('the RPC is away')
    await say(null)
    await age(50)
    await say(null)
    expect(await isListed()).toBe(false)
    // A failure in between begins the minute anew.
    await say('the RPC is away')
    await say(null)
    await age(50)
    await say(null)
    expect(await isListed()).toBe(false)
    await age(11)
    await say(null)
    expect(await isListed()).toBe(true)
  })
})

describe('GET /supported', () => {
  const supported = async () => (await call(`${web.base}/supported`, { headers: fromOwnAddress() })).body
  const untilKinds = (count: number) =>
    vi.waitFor(async () => expect((await supported()).kinds).toHaveLength(count), { timeout: 10_000, interval: 100 })

  it('lists the wallets that may send a settlement, by family', async () => {
    const { body } = await call(`${base}/supported`, { headers: fromOwnAddress() })
    expect(body.signers).toEqual({ 'eip155:*': [SETTLER.address] })
    expect(body.kinds).toEqual([
      { x402Version: 2, scheme: 'exact', network: NETWORK },
      { x402Version: 1, scheme: 'exact', network: 'base-sepolia' },
    ])
  })

  it('lists a network of which no worker was ever heard: it can be verified there', async () => {
    await pool.query('DELETE FROM network_reports')
    await untilKinds(2)
    expect((await supported()).signers).toEqual({})
  })

  it('drops a network that could not settle for five minutes, and has it again a minute after', async () => {
    await pool.query('DELETE FROM network_reports')
    await say('the RPC is away')
    await age(301)
    await say('the RPC is away')
    await untilKinds(0)
    await say(null)
    await age(61)
    await say(null)
    await untilKinds(2)
  })

  it('drops one whose worker was not heard of for five minutes, until it is heard again', async () => {
    await pool.query('DELETE FROM network_reports')
    await say(null)
    await pool.query(`UPDATE network_reports SET reported_at = now() - interval '301 seconds'`)
    await untilKinds(0)
    await say(null)
    await untilKinds(2)
  })
})
