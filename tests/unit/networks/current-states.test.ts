import { expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { currentStates } from '@/lib/networks/current-states'
import type { NetworkState } from '@/lib/networks/served-networks'
import { network, usdc } from '@/tests/support/parsed-payment'

const base = network('eip155:8453')
const served: NetworkState = { network: base, status: 'served', assets: [usdc(base)], problems: [] }
const asked: string[] = []
const check = (fails: boolean) => ({
  async check({ id }: { id: string }) {
    asked.push(id)
    if (fails) throw new AppError('rpc_unavailable', { cause: new Error('connect ECONNREFUSED 10.0.0.1') })
  },
})

it('a network whose RPC answers is as it was', async () => {
  expect(await currentStates({ networks: { states: () => [served] }, chain: check(false) })).toEqual([served])
})

it('one that lost its RPC since the start is unreachable, and nothing tells where that was', async () => {
  const [state] = await currentStates({ networks: { states: () => [served] }, chain: check(true) })
  expect(state?.status).toBe('unreachable')
  expect(state?.problems.join()).toMatch(/could not be read/)
  expect(JSON.stringify(state?.problems)).not.toContain('10.0.0.1')
})

it('one that is not served is not asked', async () => {
  asked.length = 0
  const away: NetworkState = { ...served, status: 'mismatch', problems: ['another name'] }
  expect(await currentStates({ networks: { states: () => [away] }, chain: check(true) })).toEqual([away])
  expect(asked).toEqual([])
})
