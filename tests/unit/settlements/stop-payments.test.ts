import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { NETWORKS } from '@/lib/networks/networks'
import { ALL_NETWORKS, type PaymentStop, resumePayments, stopPayments } from '@/lib/settlements/stop-payments'

const NOW = Date.parse('2026-11-21T12:00:00Z')

/** Stops kept in a map. */
function given() {
  const kept = new Map<string, PaymentStop>()
  const stops = {
    put: async (stop: PaymentStop) => {
      const { stoppedAt } = kept.get(stop.network) ?? stop
      kept.set(stop.network, { ...stop, stoppedAt })
      return { ...stop, stoppedAt }
    },
    remove: async (network: string) => kept.delete(network),
    list: async () => [...kept.values()],
  }
  return { deps: { now: () => NOW, stops }, kept }
}

const problemOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof AppError)) throw new Error('an AppError was expected')
  return { code: error.code, ...error.problems[0] }
}

describe('stopping payments', () => {
  it.each(['eip155:84532', ALL_NETWORKS])('keeps what is stopped, why and since when: %s', async (network) => {
    const { deps, kept } = given()
    const stop = await stopPayments(deps, { network, reason: ' the token is paused ' })
    expect(stop).toEqual({ network, reason: 'the token is paused', stoppedAt: new Date(NOW) })
    expect(kept.get(network)).toEqual(stop)
  })

  it('without a reason is refused: whoever finds it stopped must know why', async () => {
    const { deps, kept } = given()
    expect(await problemOf(stopPayments(deps, { network: 'eip155:8453', reason: '  ' }))).toMatchObject({
      code: 'parameter_invalid',
      param: 'reason',
    })
    expect(kept.size).toBe(0)
  })

  it.each(['base', 'eip155:31337', '', 'all'])(
    'of a network nobody knows is refused with the list: %j',
    async (network) => {
      const { deps, kept } = given()
      const { param, fix } = await problemOf(stopPayments(deps, { network, reason: 'why' }))
      expect(param).toBe('network')
      for (const { id } of NETWORKS) expect(fix).toContain(id)
      expect(kept.size).toBe(0)
    },
  )
})

describe('resuming payments', () => {
  it('takes back one stop, and tells which are left', async () => {
    const { deps } = given()
    await stopPayments(deps, { network: ALL_NETWORKS, reason: 'an incident' })
    const single = await stopPayments(deps, { network: 'eip155:1', reason: 'gas' })
    expect(await resumePayments(deps, ALL_NETWORKS)).toEqual([single])
    expect(await resumePayments(deps, 'eip155:1')).toEqual([])
  })

  it('of one network does not lift the stop of all', async () => {
    const { deps, kept } = given()
    await stopPayments(deps, { network: ALL_NETWORKS, reason: 'an incident' })
    expect(await problemOf(resumePayments(deps, 'eip155:1'))).toMatchObject({
      param: 'network',
      message: 'is not stopped',
    })
    expect([...kept.keys()]).toEqual([ALL_NETWORKS])
  })
})
