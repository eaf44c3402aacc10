import { type Address, pad } from 'viem'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { networkById } from '@/lib/networks/find-network'
import { LOCAL_USDC, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_PAYER, TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { deployToken, mint } from '@/scripts/local/usdc'
import { call } from '@/tests/support/api'
import { buildPayment } from '@/tests/support/build-payment'
import { type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const service = inject('service')
const { databaseUrl } = service
const { key } = await createTenantWithKey(databaseUrl)

const assets = networkById('eip155:84532')?.assets ?? []
const addressOf = (symbol: string) => assets.find((asset) => asset.symbol === symbol)?.address ?? '0x'
const EURC = { address: addressOf('EURC'), name: 'EURC', symbol: 'EURC', currency: 'EUR' }

/** Euros are paid, or what calls itself that, on a chain of the test's own. */
const euros = (name = 'EURC') =>
  buildPayment({
    domain: { name, verifyingContract: EURC.address },
    requirements: { asset: EURC.address, extra: { name, version: '2' } },
  })

let chain: RunningChain
beforeAll(async () => {
  chain = await startLocalChain({ blockSeconds: 1, folder: null })
})
afterAll(async () => {
  await chain.stop()
})

/** A token's name is what its fifth slot holds: up to 31 bytes, and twice their number in the last. */
async function rename(token: Address, name: string): Promise<void> {
  const text = Buffer.from(name)
  const slot = Buffer.concat([text, Buffer.alloc(31 - text.length), Buffer.of(text.length * 2)])
  await chain.chain.call('anvil_setStorageAt', [token, pad('0x04'), `0x${slot.toString('hex')}`])
}

async function serving<T>(rpcUrls: Record<number, string>, ask: (web: RunningWeb) => Promise<T>): Promise<T> {
  const web = await startWeb({ databaseUrl, rpcUrls, env: { X402_EXTRA_ASSETS: 'eip155:84532/EURC' } })
  try {
    return await ask(web)
  } finally {
    await web.stop()
  }
}
const supported = async ({ base }: RunningWeb) =>
  (await call(`${base}/supported`, { key })).body.kinds.map(({ network }: { network: string }) => network)

describe('a second token', () => {
  it('that no operator approved is refused as one we do not take', async () => {
    const { body } = await call(`${service.base}/verify`, { key, body: await euros() })
    expect(body).toMatchObject({ isValid: false, invalidReason: 'asset_not_listed' })
  })

  it('that an operator approved is paid with as with the first', async () => {
    await deployToken(chain.chain, EURC, TOKEN_OWNER.address)
    await mint(chain.chain, EURC.address, TOKEN_OWNER.address, DEV_PAYER.address, 1_000_000n)
    await serving({ 84532: chain.url }, async ({ base }) => {
      const { body } = await call(`${base}/networks`, { key })
      expect(body.data[0].assets.map(({ symbol }: { symbol: string }) => symbol)).toEqual(['USDC', 'EURC'])
      expect((await call(`${base}/verify`, { key, body: await euros() })).body.isValid).toBe(true)
      expect((await call(`${base}/verify`, { key, body: await buildPayment() })).body.isValid).toBe(true)
    })
  })
})

describe('what the chain says of itself', () => {
  it('an approved token that goes by another name is not served, and the rest is', async () => {
    await rename(EURC.address, 'Euro Coin')
    await serving({ 84532: chain.url }, async (web) => {
      const { body } = await call(`${web.base}/health`)
      expect(body).toMatchObject({
        status: 'degraded',
        checks: { networks: { 'eip155:84532': { status: 'degraded' } } },
      })
      expect(body.checks.networks['eip155:84532'].problems[0]).toMatch(
        /^EURC 0x.* names itself "Euro Coin", the table says "EURC"/,
      )
      expect((await call(`${web.base}/verify`, { key, body: await euros('Euro Coin') })).body.isValid).toBe(false)
      expect((await call(`${web.base}/verify`, { key, body: await buildPayment() })).body.isValid).toBe(true)
    })
  })

  it('a network whose USDC has another name is taken out of /supported, and health says why', async () => {
    await rename(LOCAL_USDC, 'USD Coin')
    await serving({ 84532: chain.url }, async (web) => {
      expect(await supported(web)).toEqual([])
      const health = await call(`${web.base}/health`)
      expect(health.status).toBe(503)
      expect(health.body.checks.networks['eip155:84532'].problems[0]).toMatch(/^USDC 0x.* names itself "USD Coin"/)
      const answer = await call(`${web.base}/verify`, { key, body: await buildPayment() })
      expect([answer.status, answer.body.error.code]).toEqual([503, 'rpc_unavailable'])
    })
  })

  it('an RPC of another chain takes its network out, and health names both chain ids', async () => {
    await serving({ 84532: service.rpcUrl, 11155111: service.rpcUrl }, async (web) => {
      expect(new Set(await supported(web))).toEqual(new Set(['eip155:84532', 'base-sepolia']))
      const { status, body } = await call(`${web.base}/health`)
      expect([status, body.status]).toEqual([200, 'degraded'])
      expect(body.checks.networks['eip155:11155111'].problems[0]).toBe(
        'an RPC gives its chain id as 84532, the table says 11155111',
      )
    })
  })
})
