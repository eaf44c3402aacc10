import { describe, expect, it } from 'vitest'
import { NETWORKS } from '@/lib/networks/networks'
import { termsOf } from '@/lib/settlements/terms-of'

const networkOf = (chainId: number) => {
  const network = NETWORKS.find((one) => one.chainId === chainId)
  if (!network) throw new Error(`there is no network ${chainId}`)
  return network
}
const POLYGON = networkOf(137)
const AVALANCHE = networkOf(43_114)
const BASE = networkOf(8_453)
const ETHEREUM = networkOf(1)

describe('termsOf', () => {
  it.each([POLYGON, AVALANCHE])('$name is final soon: what the tenant has chosen holds', (network) => {
    expect(termsOf({ waitUntil: 'final', acceptsOthers: true }, null, network).waitUntil).toBe('final')
    expect(termsOf({ waitUntil: 'mined', acceptsOthers: true }, null, network).waitUntil).toBe('mined')
  })

  it.each([BASE, ETHEREUM])(
    '$name is final after minutes: a choice for all would make every answer pending',
    (network) => {
      expect(termsOf({ waitUntil: 'final', acceptsOthers: true }, null, network).waitUntil).toBe('mined')
    },
  )

  it('what a request asks for holds everywhere', () => {
    for (const network of NETWORKS) {
      expect(termsOf({ waitUntil: 'mined', acceptsOthers: true }, 'final', network).waitUntil).toBe('final')
      expect(termsOf({ waitUntil: 'final', acceptsOthers: true }, 'mined', network).waitUntil).toBe('mined')
    }
  })

  it('whether others are accepted is the tenant’s alone', () => {
    expect(termsOf({ waitUntil: 'mined', acceptsOthers: false }, 'final', BASE).acceptsOthers).toBe(false)
  })
})
