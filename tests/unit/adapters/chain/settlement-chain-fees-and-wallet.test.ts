import { describe, expect, it } from 'vitest'
import { type Answering, base, hex, PAYER, setUpScriptedChain, unavailable } from '@/tests/support/scripted-chain'

const { clock, usual, answering, openWith } = setUpScriptedChain()

describe('fees', () => {
  it('are read once a second, for all who ask', async () => {
    const { chain, nodes } = await openWith(answering('eth_maxPriorityFeePerGas', () => ({ result: hex(5_000_000) })))
    const both = await Promise.all([chain.settlement.fees(base), chain.settlement.fees(base)])
    expect(both).toEqual([
      { baseFeeWei: 7n, tipWei: 5_000_000n },
      { baseFeeWei: 7n, tipWei: 5_000_000n },
    ])
    clock.ms += 999
    await chain.settlement.fees(base)
    expect(nodes[0]?.count('eth_maxPriorityFeePerGas')).toBe(1)
    clock.ms += 1
    await chain.settlement.fees(base)
    expect(nodes[0]?.count('eth_maxPriorityFeePerGas')).toBe(2)
  })

  it('stay within bounds, whatever a node says', async () => {
    const tip = async (wei: bigint) => {
      const { chain } = await openWith(answering('eth_maxPriorityFeePerGas', () => ({ result: hex(wei) })))
      return (await chain.settlement.fees(base)).tipWei
    }
    expect(await tip(0n)).toBe(1_000_000n)
    expect(await tip(10n ** 30n)).toBe(500_000_000_000n)
  })

  it('that could not be read are asked for again at once', async () => {
    let works = false
    const { chain } = await openWith(
      answering('eth_maxPriorityFeePerGas', () => (works ? { result: '0xf4240' } : { result: 'much' })),
    )
    await expect(chain.settlement.fees(base)).rejects.toMatchObject(unavailable)
    works = true
    expect(await chain.settlement.fees(base)).toEqual({ baseFeeWei: 7n, tipWei: 1_000_000n })
  })
})

describe('a wallet', () => {
  it('is read from one endpoint: nonce and balance go together', async () => {
    const half: Answering = (question) =>
      question.method === 'eth_getTransactionCount' ? { result: '0x5' } : usual(question)
    const whole: Answering = (question) => {
      if (question.method === 'eth_getBalance') return { result: '0x64' }
      return question.method === 'eth_getTransactionCount' ? { result: '0x6' } : usual(question)
    }
    const { chain } = await openWith(half, whole)
    expect(await chain.settlement.walletState(base, PAYER)).toEqual({ nonce: 6n, balanceWei: 100n })
  })
})
