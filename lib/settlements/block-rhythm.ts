import { SECOND_MS } from '@/lib/core/clock'
import type { Block } from './settlement-chain'

/** The part of a block's time after its predecessor in which nobody has to look for it. */
const QUIET_PART = 0.75
/** Looks per block time from then on. */
const LOOKS = 20
const LEAST_PAUSE_MS = 50
const MOST_PAUSE_MS = SECOND_MS
/** Timestamps are whole seconds: over less than this they say little of how far blocks are apart. */
const LEARNT_OVER_SECONDS = 4

/**
 * When to look for the next block: seldom just after one, often when the next is due. That asks less of a node than
 * looking evenly, and finds the block sooner. A chain that is faster than it is said to be is learnt from its timestamps.
 */
export class BlockRhythm {
  private last: { hash: Block['hash']; seenAtMs: number } | null = null
  private learntFrom: Block | null = null
  private spacingMs: number

  constructor(private readonly saidMs: number) {
    this.spacingMs = saidMs
  }

  /** @returns whether the block is another than the last one */
  see(block: Block, nowMs: number): boolean {
    if (this.last?.hash === block.hash) return false
    this.last = { hash: block.hash, seenAtMs: nowMs }
    this.learn(block)
    return true
  }

  /** Milliseconds until the next look. */
  pauseMs(nowMs: number): number {
    const quietUntilMs = (this.last?.seenAtMs ?? nowMs) + this.spacingMs * QUIET_PART
    return Math.min(Math.max(quietUntilMs - nowMs, this.spacingMs / LOOKS, LEAST_PAUSE_MS), MOST_PAUSE_MS)
  }

  private learn(block: Block): void {
    const from = this.learntFrom ?? block
    const [blocks, seconds] = [Number(block.number - from.number), block.timestampSeconds - from.timestampSeconds]
    const isOver = blocks <= 0 || seconds >= LEARNT_OVER_SECONDS
    if (blocks > 0 && isOver) this.spacingMs = Math.min((seconds * SECOND_MS) / blocks, this.saidMs)
    if (isOver) this.learntFrom = block
  }
}
