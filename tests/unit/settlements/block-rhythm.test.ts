import { describe, expect, it } from 'vitest'
import { BlockRhythm } from '@/lib/settlements/block-rhythm'
import type { Block } from '@/lib/settlements/settlement-chain'

const block = (number: number, timestampSeconds: number): Block => ({
  number: BigInt(number),
  hash: `0x${number}`,
  timestampSeconds,
})

describe('BlockRhythm', () => {
  it('knows a block that it has seen from another one', () => {
    const rhythm = new BlockRhythm(2_000)
    expect(rhythm.see(block(1, 100), 0)).toBe(true)
    expect(rhythm.see(block(1, 100), 50)).toBe(false)
    expect(rhythm.see({ ...block(1, 100), hash: '0xother' }, 60)).toBe(true)
  })

  it('looks seldom just after a block, and often when the next is due', () => {
    const rhythm = new BlockRhythm(2_000)
    rhythm.see(block(1, 100), 1_000)
    // Never longer than a second: transactions are sent again by this clock too.
    expect(rhythm.pauseMs(1_000)).toBe(1_000)
    expect(rhythm.pauseMs(2_000)).toBe(500)
    expect(rhythm.pauseMs(2_500)).toBe(100)
    expect(rhythm.pauseMs(9_000)).toBe(100)
  })

  it('learns from the blocks how far they are apart, also where some were missed', () => {
    const rhythm = new BlockRhythm(2_000)
    rhythm.see(block(1, 100), 0)
    rhythm.see(block(5, 104), 4_000)
    expect(rhythm.pauseMs(4_000)).toBe(750)
    expect(rhythm.pauseMs(4_750)).toBe(50)
  })

  it('looks as often as it ever does where blocks share a second, or the chain went back', () => {
    const rhythm = new BlockRhythm(2_000)
    rhythm.see(block(1, 100), 0)
    rhythm.see(block(2, 100), 200)
    expect(rhythm.pauseMs(200)).toBe(50)
    rhythm.see({ ...block(1, 90), hash: '0xother' }, 300)
    expect(rhythm.pauseMs(300)).toBe(50)
  })

  it('has bounds before it has seen any', () => {
    expect(new BlockRhythm(12_000).pauseMs(0)).toBe(1_000)
    expect(new BlockRhythm(0).pauseMs(0)).toBe(50)
  })
})
