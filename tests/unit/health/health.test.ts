import { afterEach, describe, expect, it, vi } from 'vitest'
import { HealthAnswer } from '@/lib/contracts/answers'
import type { Settling } from '@/lib/health/describe-settling'
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

const NO_WORKER: Settling = { isDisabled: false, stops: new Set(), networks: new Map() }
const WALLET = '0x90f79bf6eb2c4f870365e785982e1f101e93b906'

type Heard = { problem?: string | null; ageSeconds?: number; stops?: string[]; isDisabled?: boolean }

/** What a worker said of Base, and what operators have stopped. */
function heard({ problem = null, ageSeconds = 2.4, stops = [], isDisabled = false }: Heard = {}): Settling {
  const wallet = { address: WALLET, balanceWei: '5000000000000000', settlementsLeft: 90, isLow: true } as const
  const report = {
    problem,
    wallets: [{ ...wallet, spentThisHourWei: '77777' }],
    queue: { waiting: 3, oldestSeconds: 1.6 },
    open: { transactions: 2, oldestSeconds: 75.2 },
    stuckNonces: [`${WALLET}:41`, '0x00000000000000000000000000000000000000aa:7'],
    unattended: ['0x00000000000000000000000000000000000000aa:7'],
  }
  return { isDisabled, stops: new Set(stops), networks: new Map([['eip155:8453', { ageSeconds, report }]]) }
}

function health(changes: Partial<GetHealthDeps> = {}, states = [state('served')]) {
  return getHealth({
    now: () => 1_800_000_000_000,
    pingDatabase: async () => 2,
    pingRedis: async () => 1,
    networkStates: async () => states,
    settling: () => NO_WORKER,
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

describe('how health tells of settling', () => {
  const settlingOf = async (settling: Settling, states?: NetworkState[]) => {
    const answer = HealthAnswer.parse(await health({ settling: () => settling }, states))
    return { ...answer.checks.networks['eip155:8453'], status: answer.status }
  }

  it('where a worker can settle: gas and runway of each wallet, the queue, open transactions, stuck nonces', async () => {
    expect(await settlingOf(heard())).toEqual({
      status: 'healthy',
      settlement: 'able',
      settling: {
        problem: null,
        heardSecondsAgo: 2,
        wallets: [
          {
            address: WALLET,
            balanceWei: '5000000000000000',
            settlementsLeft: 90,
            isLow: true,
            stuckNonces: ['41'],
          },
        ],
        queue: { waiting: 3, oldestSeconds: 2 },
        openTransactions: { count: 2, oldestSeconds: 75 },
        unattended: ['0x00000000000000000000000000000000000000aa:7'],
      },
    })
  })

  it('a deployment of which no worker was ever heard only verifies, and is healthy', async () => {
    expect(await settlingOf(NO_WORKER)).toEqual({ status: 'healthy', settlement: 'no_worker' })
  })

  it.each([
    ['no wallet has money for gas', heard({ problem: 'no wallet has money for gas' }), 'problem'],
    ['its worker is not heard of any more', heard({ ageSeconds: 31 }), 'no_worker'],
    ['an operator stopped it', heard({ stops: ['eip155:8453'] }), 'stopped'],
    ['an operator stopped all networks', heard({ stops: ['*'] }), 'stopped'],
    ['the environment stops payments', heard({ isDisabled: true }), 'stopped'],
    ['it is stopped and no worker was ever heard of', { ...NO_WORKER, stops: new Set(['*']) }, 'stopped'],
  ] as [string, Settling, string][])(
    'a network that cannot settle makes the service degraded, not unhealthy: %s',
    async (_, settling, settlement) => {
      const answer = await health({ settling: () => settling })
      expect([answer.status, answer.checks.settlement.status]).toEqual(['degraded', 'degraded'])
      expect(answer.checks.verifier.status).toBe('healthy')
      expect(answer.checks.networks['eip155:8453']?.settlement).toBe(settlement)
    },
  )

  it('a network of which no worker was heard, beside one that settles, is a fault', async () => {
    const states = [state('served'), { ...state('served'), network: network('eip155:1') }]
    const answer = await health({ settling: () => heard() }, states)
    expect([answer.status, answer.checks.networks['eip155:1']?.settlement]).toEqual(['degraded', 'no_worker'])
  })

  it('a stop of a network that is not served here says nothing about this service', async () => {
    expect((await settlingOf(heard({ stops: ['eip155:1'] }))).status).toBe('healthy')
  })

  it('shows what is on the chain for all to see, and not why an operator stopped or what was spent', async () => {
    const text = JSON.stringify(await health({ settling: () => heard({ stops: ['*'] }) }))
    expect(text).not.toContain('77777')
    expect(text).not.toContain('reason')
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
