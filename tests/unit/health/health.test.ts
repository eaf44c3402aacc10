import { afterEach, describe, expect, it, vi } from 'vitest'
import { HealthAnswer } from '@/lib/contracts/answers'
import { type GetHealthDeps, getHealth } from '@/lib/health/get-health'
import { createRecentErrors } from '@/lib/health/recent-errors'
import type { NetworkState } from '@/lib/networks/served-networks'
import { network } from '@/tests/support/parsed-payment'

const state = (status: NetworkState['status'], problems: string[] = []): NetworkState => ({
  network: network('eip155:8453'),
  status,
  assets: [],
  problems,
})

function health(changes: Partial<GetHealthDeps> = {}, states = [state('served')]) {
  return getHealth({
    now: () => 1_800_000_000_000,
    pingDatabase: async () => 2,
    pingRedis: async () => 1,
    networkStates: async () => states,
    log: { state: () => ({ waiting: 3, dropped: 0 }) },
    recentErrors: () => 4,
    ...changes,
  })
}

const dead = () => Promise.reject(new Error('ECONNREFUSED 10.0.0.1'))

describe('getHealth', () => {
  it('with everything well is healthy, in the documented shape', async () => {
    const answer = await health()
    expect(HealthAnswer.parse(answer)).toEqual(answer)
    expect(answer).toMatchObject({
      status: 'healthy',
      timestamp: '2027-01-15T08:00:00.000Z',
      checks: { database: { status: 'healthy', latency_ms: 2 }, verifier: { status: 'healthy', mode: 'in_process' } },
      recentErrors: 4,
    })
  })

  it.each([
    ['the database away', { pingDatabase: dead }, [state('served')], 'unhealthy'],
    ['no network served', {}, [state('unreachable')], 'unhealthy'],
    ['no network at all', {}, [], 'unhealthy'],
    ['one of two networks away', {}, [state('served'), state('unreachable')], 'degraded'],
    ['Redis away', { pingRedis: dead }, [state('served')], 'degraded'],
    ['log rows lost', { log: { state: () => ({ waiting: 0, dropped: 1 }) } }, [state('served')], 'degraded'],
    ['no Redis set', { pingRedis: null }, [state('served')], 'healthy'],
  ] as [string, Partial<GetHealthDeps>, NetworkState[], string][])('with %s', async (_, changes, states, status) => {
    expect((await health(changes, states)).status).toBe(status)
  })

  it('tells a stranger nothing of where our parts are', async () => {
    const answer = await health({ pingDatabase: dead, pingRedis: dead }, [state('unreachable')])
    expect(JSON.stringify(answer)).not.toContain('10.0.0.1')
  })

  it('does not wait for what does not answer', async () => {
    vi.useFakeTimers()
    const asked = health({ pingDatabase: () => new Promise(() => undefined) })
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await asked).checks.database).toEqual({ status: 'unhealthy', latency_ms: null })
  })
})

describe('recent errors', () => {
  it('are those of the last five minutes', () => {
    let nowMs = 1_800_000_000_000
    const errors = createRecentErrors(() => nowMs)
    expect(errors.count()).toBe(0)
    for (let minute = 0; minute < 7; minute++) {
      for (let count = 0; count <= minute; count++) errors.add()
      nowMs += 60_000
    }
    expect(errors.count()).toBe(7 + 6 + 5 + 4)
    nowMs += 5 * 60_000
    expect(errors.count()).toBe(0)
  })
})

afterEach(() => {
  vi.useRealTimers()
})
