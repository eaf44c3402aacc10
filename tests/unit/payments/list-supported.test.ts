import { describe, expect, it } from 'vitest'
import { NETWORKS, type Network } from '@/lib/networks/networks'
import { listSupported } from '@/lib/payments/list-supported'
import { network } from '@/tests/support/parsed-payment'

type State = { network: Network; status: 'served' | 'mismatch' | 'unreachable' }
const settling = { isListed: () => true, signers: () => [] }
const listed = (states: State[], mode: 'live' | 'test' | null = null) =>
  listSupported({ networks: { states: () => states }, settling }, mode)

describe('listSupported', () => {
  it('lists v1 and v2 of a network that v1 has a name for, and only v2 of one it has none for', () => {
    const states: State[] = [
      { network: network('eip155:8453'), status: 'served' },
      { network: network('eip155:10'), status: 'served' },
    ]
    expect(listed(states)).toEqual({
      kinds: [
        { x402Version: 2, scheme: 'exact', network: 'eip155:8453' },
        { x402Version: 1, scheme: 'exact', network: 'base' },
        { x402Version: 2, scheme: 'exact', network: 'eip155:10' },
      ],
      extensions: [],
      signers: {},
    })
  })

  it('keeps a network whose RPC is away, and leaves out one that contradicts the table', () => {
    const states: State[] = [
      { network: network('eip155:10'), status: 'unreachable' },
      { network: network('eip155:1'), status: 'mismatch' },
    ]
    expect(listed(states).kinds.map((kind) => kind.network)).toEqual(['eip155:10'])
  })

  it('shows a key its own mode alone', () => {
    const states = NETWORKS.map((one): State => ({ network: one, status: 'served' }))
    const ids = (mode: 'live' | 'test' | null) => new Set(listed(states, mode).kinds.map((kind) => kind.network))
    expect(ids('live').has('eip155:8453')).toBe(true)
    expect(ids('live').has('eip155:84532')).toBe(false)
    expect(ids('test').has('base-sepolia')).toBe(true)
    expect(ids('test').has('base')).toBe(false)
    expect(ids(null).size).toBe(ids('live').size + ids('test').size)
  })
})
