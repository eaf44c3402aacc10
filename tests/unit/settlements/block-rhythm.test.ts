import { describe, expect, it } from 'vitest'
import { BlockRhythm } from '@/lib/settlements/block-rhythm'
import type { Block } from '@/lib/settlements/settlement-chain'

const block = (number: number, timestampSeconds: number): Block => ({
  number: BigInt(number),
  hash: `0x${number}`,
  timestampSeconds,
})

/** Lets a chain run and looks as often as the rhythm says: how late each block was seen, and how many looks that took. */
function follow(rhythm: BlockRhythm, minedAtMs: readonly number[]) {
  const lateMs: number[] = []
  let looks = 0
  for (let nowMs = 0; lateMs.length < minedAtMs.length; nowMs += rhythm.pauseMs(nowMs)) {
    looks++
    const head = minedAtMs.findLastIndex((atMs) => atMs <= nowMs)
    if (head < 0 || !rhythm.see(block(head, Math.floor((minedAtMs[head] ?? 0) / 1_000)), nowMs)) continue
    while (lateMs.length <= head) lateMs.push(nowMs - (minedAtMs[lateMs.length] ?? 0))
  }
  const sum = lateMs.reduce((total, ms) => total + ms, 0)
  return { meanMs: sum / lateMs.length, mostMs: Math.max(...lateMs.slice(10)), looksEach: looks / minedAtMs.length }
}
const every = (ms: number, count = 400) => Array.from({ length: count }, (_, index) => 137 + index * ms)

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

  it.each([
    ['a second apart, and said to be two', 2_000, 1_000, 60, 8],
    ['two seconds apart', 2_000, 2_000, 110, 9],
    ['twelve seconds apart', 12_000, 12_000, 610, 20],
    ['a quarter of a second apart', 250, 250, 110, 4],
  ])('of blocks %s none is seen late, with few looks', (_, saidMs, spacingMs, boundMs, looks) => {
    const seen = follow(new BlockRhythm(saidMs), every(spacingMs))
    expect(seen.mostMs).toBeLessThanOrEqual(boundMs)
    expect(seen.looksEach).toBeLessThan(looks)
  })

  it('a gap between two blocks teaches nothing slower than what the chain is said to be', () => {
    const irregular = every(2_000, 300).map((atMs, index) => atMs + Math.floor(index / 10) * 60_000)
    expect(follow(new BlockRhythm(2_000), irregular).mostMs).toBeLessThanOrEqual(110)
  })

  it('blocks that share a second, and a chain that went back, teach nothing by themselves', () => {
    const rhythm = new BlockRhythm(2_000)
    rhythm.see(block(1, 100), 0)
    rhythm.see(block(2, 100), 200)
    expect(rhythm.pauseMs(1_700)).toBe(100)
    rhythm.see({ ...block(1, 90), hash: '0xother' }, 300)
    expect(rhythm.pauseMs(1_800)).toBe(100)
  })

  it('has bounds before it has seen any', () => {
    expect(new BlockRhythm(12_000).pauseMs(0)).toBe(1_000)
    expect(new BlockRhythm(0).pauseMs(0)).toBe(50)
  })
})
