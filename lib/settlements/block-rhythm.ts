import { SECOND_MS } from '@/lib/core/clock'
import type { Block } from './settlement-chain'

/** The part of a block's time after its predecessor in which nobody has to look for it. */
const QUIET_PART = 0.75
/** Looks per block time from then on. */
const LOOKS = 20
const LEAST_PAUSE_MS = 50
const MOST_PAUSE_MS = SECOND_MS

/**
 * When to look for the next block: seldom just after one, often when the next is due. That asks less of a node than
 * looking evenly, and finds the block sooner. How far blocks are apart is learnt from their own timestamps.
 */
export class BlockRhythm {
  private last: { block: Block; seenAtMs: number } | null = null

  constructor(private spacingMs: number) {}

  /** @returns whether the block is another than the last one */
  see(block: Block, nowMs: number): boolean {
    const last = this.last?.block
    if (last?.hash === block.hash) return false
    const blocks = last ? Number(block.number - last.number) : 0
    if (last && blocks > 0) this.spacingMs = ((block.timestampSeconds - last.timestampSeconds) * SECOND_MS) / blocks
    this.last = { block, seenAtMs: nowMs }
    return true
  }

  /** Milliseconds until the next look. */
  pauseMs(nowMs: number): number {
    const quietUntilMs = (this.last?.seenAtMs ?? nowMs) + this.spacingMs * QUIET_PART
    return Math.min(Math.max(quietUntilMs - nowMs, this.spacingMs / LOOKS, LEAST_PAUSE_MS), MOST_PAUSE_MS)
  }
}
