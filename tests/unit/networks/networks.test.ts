import { getAddress } from 'viem'
import { describe, expect, it } from 'vitest'
import { checkNetwork } from '@/lib/networks/check-network'
import { findNetwork, networkById } from '@/lib/networks/find-network'
import { listNetworks } from '@/lib/networks/list-networks'
import { NETWORKS } from '@/lib/networks/networks'
import { domainSeparator } from '@/lib/payments/exact-eip3009/digest'
import { REVERTED } from '@/tests/support/fake-chain'
import { network, usdc } from '@/tests/support/parsed-payment'

describe('the table of networks', () => {
  it.each(NETWORKS.map((one) => [one.name, one] as const))('%s is consistent in itself', (_, one) => {
    expect(one.id).toBe(`eip155:${one.chainId}`)
    expect(one.assets.filter(({ listedByDefault }) => listedByDefault)).toHaveLength(1)
    for (const { address, decimals } of one.assets) {
      expect(getAddress(address)).toBe(address)
      expect(decimals).toBe(6)
    }
    expect(one.minimumAmount).toBe(one.mode === 'live' ? 1_000n : 0n)
    expect(one.callGas).toEqual({ withoutCode: 200_000, withCode: 1_000_000 })
    expect(one.explorerUrl).toMatch(/^https:\/\/[^/]+$/)
  })

  it('has the twelve networks, six of each mode, and none twice', () => {
    expect(NETWORKS.filter(({ mode }) => mode === 'live')).toHaveLength(6)
    expect(NETWORKS.filter(({ mode }) => mode === 'test')).toHaveLength(6)
    expect(new Set(NETWORKS.map(({ chainId }) => chainId)).size).toBe(12)
    const tokens = NETWORKS.flatMap(({ assets }) => assets.map(({ address }) => address.toLowerCase()))
    expect(new Set(tokens).size).toBe(tokens.length)
  })

  it('v1 finds a network by its name alone, v2 by its id alone', () => {
    expect(findNetwork(1, 'base-sepolia')?.chainId).toBe(84_532)
    expect(findNetwork(2, 'eip155:84532')?.chainId).toBe(84_532)
    expect(findNetwork(1, 'eip155:84532')).toBeUndefined()
    expect(findNetwork(2, 'base-sepolia')).toBeUndefined()
    for (const name of ['', 'null', '__proto__', 'constructor']) {
      expect([findNetwork(1, name), findNetwork(2, name), networkById(name)]).toEqual([undefined, undefined, undefined])
    }
  })
})

describe('checkNetwork', () => {
  const base = network('eip155:8453')
  const asset = usdc(base)
  const abiText = (text: string) => {
    const hex = Buffer.from(text).toString('hex')
    const word = (value: number) => value.toString(16).padStart(64, '0')
    return { ok: true, data: `0x${word(32)}${word(hex.length / 2)}${hex.padEnd(64, '0')}` as const }
  }
  const separator = (name = asset.name, version = asset.version) => ({
    ok: true,
    data: `0x${domainSeparator({ name, version, chainId: base.chainId, verifyingContract: asset.address })}` as const,
  })

  function check(results: { ok: boolean; data: `0x${string}` }[], chainIds = [base.chainId]) {
    const chain = {
      callMany: async () => ({ block: 1n, results, ranOutOfGas: false }),
      chainIds: async () => chainIds,
    }
    return checkNetwork({ chain, domainSeparator }, base, [asset])
  }

  it('a token that says what the table says is confirmed', async () => {
    expect(await check([abiText('USD Coin'), abiText('2'), separator()])).toEqual({ assets: [asset], problems: [] })
  })

  it('an RPC of another chain is named; when all are, nothing is served', async () => {
    const good = [abiText('USD Coin'), abiText('2'), separator()]
    const problems = ['an RPC gives its chain id as 1, the table says 8453']
    expect(await check(good, [1, base.chainId])).toEqual({ assets: [asset], problems })
    expect(await check(good, [1])).toEqual({ assets: [], problems })
  })

  it.each([
    ['another name', [abiText('USDC'), abiText('2'), separator('USDC')], 'names itself "USDC"'],
    ['another version', [abiText('USD Coin'), abiText('1'), separator('USD Coin', '1')], 'its version as "1"'],
    ['another separator', [abiText('USD Coin'), abiText('2'), separator('USDC')], 'another DOMAIN_SEPARATOR'],
    ['no name', [REVERTED, abiText('2'), separator()], 'names itself not at all'],
    [
      'no code',
      [
        { ok: true, data: '0x' },
        { ok: true, data: '0x' },
        { ok: true, data: '0x' },
      ],
      'not at all',
    ],
    ['no answers', [], 'not at all'],
    ['a name of absurd length', [{ ok: true, data: `0x${'f'.repeat(192)}` }, abiText('2'), separator()], 'not at all'],
  ] as [string, Parameters<typeof check>[0], string][])(
    'one with %s is taken out, and it is said why',
    async (_, results, problem) => {
      const { assets, problems } = await check(results)
      expect(assets).toEqual([])
      expect(problems).toEqual([expect.stringContaining(problem)])
    },
  )
})

describe('listNetworks', () => {
  const state = (status: 'served' | 'mismatch' | 'unreachable', problems: string[] = []) => ({
    network: network('eip155:8453'),
    status,
    assets: [usdc(network('eip155:8453'))],
    problems,
  })

  it('tells what can be paid with, and nothing of the other mode', () => {
    const { data } = listNetworks([state('served')], 'live')
    expect(data).toEqual([
      expect.objectContaining({ id: 'eip155:8453', status: 'served', problem: null, minimumAmount: '1000' }),
    ])
    expect(data[0]?.assets[0]).toMatchObject({
      symbol: 'USDC',
      eip712: { name: 'USD Coin', version: '2' },
      minimumTokens: '0.001',
    })
    expect(listNetworks([state('served')], 'test').data).toEqual([])
  })

  it('tells why a network is not served', () => {
    expect(listNetworks([state('mismatch', ['a', 'b'])], 'live').data[0]?.problem).toBe('a; b')
    const away = listNetworks([state('unreachable', ['its head is old'])], 'live').data[0]
    expect(away).toMatchObject({ status: 'unavailable', problem: 'its head is old' })
  })
})
