import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AppError } from '@/lib/core/errors'
import type { CheckedNetwork } from '@/lib/networks/check-network'
import { createServedNetworks } from '@/lib/networks/served-networks'
import { network, usdc } from '@/tests/support/parsed-payment'

const base = network('eip155:8453')
const eurc = base.assets[1]
const good: CheckedNetwork = { assets: [usdc(base)], problems: [] }
const away = new AppError('rpc_unavailable', { cause: new Error('connect ECONNREFUSED 10.0.0.1') })

function serve(answers: (CheckedNetwork | AppError)[], listsEurc = false) {
  const told: string[] = []
  let checks = 0
  const networks = createServedNetworks(
    {
      check: async () => {
        checks++
        const answer = answers.length > 1 ? answers.shift() : answers[0]
        if (answer instanceof AppError) throw answer
        return answer as CheckedNetwork
      },
      isListed: () => listsEurc,
      onProblem: (_, problem, cause) => void told.push(cause instanceof Error ? cause.message : problem),
    },
    [base],
  )
  return { networks, told, checks: () => checks }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a network', () => {
  it('that the chain confirms is served, and not checked again', async () => {
    const { networks, checks } = serve([good])
    expect(networks.status(base)).toBe('unavailable')
    await networks.start()
    expect(networks.status(base)).toBe('served')
    await vi.advanceTimersByTimeAsync(600_000)
    expect(checks()).toBe(1)
  })

  it('without an RPC URL is not configured', () => {
    expect(serve([good]).networks.status(network('eip155:1'))).toBe('not_configured')
  })

  it('whose RPC is away at the start is checked until it answers, and told of once', async () => {
    const { networks, told } = serve([away, away, away, good])
    await networks.start()
    expect([networks.status(base), networks.states()[0]?.status]).toEqual(['unavailable', 'unreachable'])
    // A problem is shown to anybody; where our parts are is for the log alone.
    expect(networks.states()[0]?.problems.join()).not.toContain('10.0.0.1')
    await vi.advanceTimersByTimeAsync(15_000)
    expect(networks.status(base)).toBe('served')
    expect(told).toEqual(['connect ECONNREFUSED 10.0.0.1'])
  })

  it('that contradicts the table is taken out, and asked again in a minute', async () => {
    const { networks, told, checks } = serve([{ assets: [], problems: ['another name'] }])
    await networks.start()
    expect(networks.states()[0]).toMatchObject({ status: 'mismatch', problems: ['another name'] })
    await vi.advanceTimersByTimeAsync(59_000)
    expect(checks()).toBe(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect([checks(), told]).toEqual([2, ['another name']])
    networks.stop()
  })

  it('with one good token and one that contradicts is served with the good one, and the problem kept', async () => {
    const { networks } = serve([{ assets: [usdc(base)], problems: ['EURC is another'] }], true)
    await networks.start()
    expect(networks.status(base)).toBe('served')
    expect(networks.states()[0]?.problems).toEqual(['EURC is another'])
    expect(networks.findAsset(base, eurc?.address.toLowerCase() as `0x${string}`)).toBeNull()
  })

  it('is left alone after the stop', async () => {
    const { networks, checks } = serve([away])
    await networks.start()
    networks.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(checks()).toBe(1)
  })
})

describe('findAsset', () => {
  const address = (asset = usdc(base)) => asset.address.toLowerCase() as `0x${string}`

  it('while a network could not be checked its listed tokens count, so that the outage is told as what it is', async () => {
    const { networks } = serve([away])
    await networks.start()
    expect(networks.findAsset(base, address())?.symbol).toBe('USDC')
    networks.stop()
  })

  it('a token beside the default is there only where an operator lists it', () => {
    expect(serve([good]).networks.findAsset(base, address(eurc))).toBeNull()
    expect(serve([good], true).networks.findAsset(base, address(eurc))?.symbol).toBe('EURC')
  })
})
