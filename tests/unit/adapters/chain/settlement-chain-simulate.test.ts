import { describe, expect, it } from 'vitest'
import { type Hex, word } from '@/lib/core/hex'
import { base, PAYER, setUpScriptedChain, USDC, unavailable } from '@/tests/support/scripted-chain'

const { usual, answering, openWith } = setUpScriptedChain()

describe('simulate', () => {
  const calls = [{ target: USDC, account: PAYER, data: '0xaa' as Hex, gas: 100_000n }]

  it('asks the next endpoint when one knows no state override or answers malformed', async () => {
    const good = answering('eth_call', () => ({ result: `0x${[1, 60_000, 0, 0].map(word).join('')}` }))
    for (const bad of [{ error: { code: -32_602, message: 'too many arguments' } }, { result: '0x1234' }]) {
      const { chain } = await openWith(
        answering('eth_call', () => bad),
        good,
      )
      const { block, results } = await chain.settlement.simulate(base, calls)
      expect(block).toBe(1_000n)
      expect(results).toMatchObject([{ ok: true, word: null, hasCode: false }])
      expect(chain.rpcs.get(base.id)?.endpoints[0]?.problem).toBeNull()
    }
  })

  it('is a failure of ours when no endpoint can', async () => {
    const { chain } = await openWith(usual)
    await expect(chain.settlement.simulate(base, calls)).rejects.toMatchObject(unavailable)
    const outOfGas = await openWith(answering('eth_call', () => ({ error: { code: -32_000, message: 'out of gas' } })))
    await expect(outOfGas.chain.settlement.simulate(base, calls)).rejects.toMatchObject(unavailable)
  })
})
