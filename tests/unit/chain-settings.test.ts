import { describe, expect, it } from 'vitest'
import { listedAssets } from '@/lib/chain-settings'
import { network } from '@/tests/support/parsed-payment'

const base = network('eip155:8453')
const eurc = base.assets[1] ?? base.assets[0]

describe('the tokens that an operator lists', () => {
  it('are those that are named, on the network that is named', () => {
    const isListed = listedAssets(' eip155:8453/EURC ,, ')
    expect(eurc && isListed(base, eurc)).toBe(true)
    expect(eurc && isListed(network('eip155:1'), eurc)).toBe(false)
    expect(eurc && listedAssets('')(base, eurc)).toBe(false)
  })

  it.each(['EURC', 'eip155:8453/EURX', 'eip155:8453/eurc', 'base/EURC'])(
    '%s is a typing error, which is told and not passed over',
    (text) => {
      expect(() => listedAssets(text)).toThrow(/X402_EXTRA_ASSETS .*eip155:8453\/EURC/)
    },
  )
})
