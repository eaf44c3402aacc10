import { createHash } from 'node:crypto'
import type { Hex } from '@/lib/core/hex'
import type { Receipt, SendOutcome } from '@/lib/settlements/settlement-chain'
import { addReceipt, executeForeign, type Foreign, type SimBlock, type Transaction } from './chain-block'
import { type Authorization, copyOf, GAS_OF_TRANSFER, type State, transfer } from './chain-state'
import type { Random } from './random'

export const MULTICALL: Hex = '0xca11bde05977b3631167028862be2a173976ca11'
export const GWEI = 1_000_000_000n
export const FINALITY_BLOCKS = 6

/** What becomes of the transactions of blocks that are gone. */
export type ReorgKind = 'pooled' | 'dropped' | 'half'

/** A chain with one pool, blocks at the will of the schedule, and reorganisations. */
export class SimChain {
  readonly blocks: SimBlock[] = []
  readonly pool = new Map<string, Transaction>()
  foreign: Foreign[] = []
  baseFeeWei = GWEI
  /** The chain as it was before the last reorganisation: nodes that lag may still believe it. */
  stale: SimBlock[] | null = null
  readonly gone = new Set<string>()
  readonly lost: SimBlock[] = []
  readonly forks: (readonly SimBlock[])[] = []
  /** Every transaction of ours that any node has ever taken. */
  readonly taken = new Map<string, Transaction>()
  failedTransfers = 0
  private salt = 0

  constructor(
    private readonly random: Random,
    private readonly now: () => number,
    private readonly authorizations: ReadonlyMap<Hex, Authorization>,
    genesis: State,
  ) {
    for (let number = 0; number <= FINALITY_BLOCKS; number++) this.append(copyOf(genesis), { ours: [], foreign: [] })
  }

  get head(): SimBlock {
    return this.blocks.at(-1) as SimBlock
  }

  private append(state: State, { ours, foreign }: Pick<SimBlock, 'ours' | 'foreign'>): SimBlock {
    const number = BigInt(this.blocks.length)
    const hash: Hex = `0x${createHash('sha256')
      .update(`${this.blocks.at(-1)?.hash}${number}${this.salt++}`)
      .digest('hex')}`
    const timestampSeconds = Math.floor(this.now() / 1_000)
    const block = { number, hash, timestampSeconds, receipts: new Map(), uses: new Map(), ours, foreign, state }
    this.blocks.push(block)
    return block
  }

  /** A block with what is in the pools; in a quiet world with everything that pays its fee. */
  mine(isQuiet: boolean): void {
    const isTaken = () => isQuiet || this.random.chance(0.8)
    const foreign = this.foreign.filter(isTaken)
    this.foreign = this.foreign.filter((one) => !foreign.includes(one))
    const block = this.append(copyOf(this.head.state), { ours: [], foreign: [] })
    const isFirst = this.random.chance(0.5)
    for (const one of isFirst ? foreign : []) this.runForeign(block, one)
    for (const transaction of this.poolInOrder())
      if (this.fits(block, transaction) && isTaken()) this.run(block, transaction)
    for (const one of isFirst ? [] : foreign) this.runForeign(block, one)
  }

  private fits({ state }: SimBlock, { wallet, nonce, maxFeeWei }: Transaction): boolean {
    return (state.nonces.get(wallet) ?? 0n) === nonce && maxFeeWei >= this.baseFeeWei
  }

  private poolInOrder(): Transaction[] {
    return [...this.pool.values()].sort((a, b) => Number(a.nonce - b.nonce))
  }

  private run(block: SimBlock, transaction: Transaction): void {
    this.pool.delete(poolKey(transaction))
    block.ours.push(transaction)
    block.state.nonces.set(transaction.wallet, transaction.nonce + 1n)
    const before = copyOf(block.state)
    const { logs, gasUsed } = this.execute(block, transaction)
    // A transaction that reverts leaves nothing but its nonce and its fee.
    if (logs === null) block.state = before
    const tipWei = minimum(transaction.tipWei, transaction.maxFeeWei - this.baseFeeWei)
    addReceipt(block, transaction.hash, { logs, gasUsed, feeWei: gasUsed * (this.baseFeeWei + tipWei) })
  }

  private execute(block: SimBlock, { to, data, gas }: Transaction) {
    if (data === '0x') return { logs: [], gasUsed: 21_000n }
    if (to !== MULTICALL) {
      const { logs, gasUsed } = this.call(block, data, gas - 21_000n)
      return { logs, gasUsed: gasUsed + 21_000n }
    }
    let left = gas - 21_000n
    const logs = []
    for (const call of data.slice(2).split('|')) {
      const called = this.call(block, call, left)
      // All gas but a rest goes to one member, and the others starve.
      if (called.hasCode && called.gasUsed * 2n > left) return { logs: null, gasUsed: gas }
      left -= called.gasUsed
      logs.push(...(called.logs ?? []))
    }
    return { logs, gasUsed: gas - left }
  }

  private call({ state, timestampSeconds: seconds }: SimBlock, data: string, gas: bigint) {
    const authorization = this.authorizations.get(data as Hex) as Authorization
    const called = transfer(state, authorization, { seconds, gas })
    // One that came too late was sent in time: blocks are not ours.
    if (called.logs === null && BigInt(seconds) < authorization.validBefore) this.failedTransfers++
    return { ...called, hasCode: state.code.has(authorization.payer) }
  }

  private runForeign(block: SimBlock, one: Foreign): void {
    const logs = executeForeign(block, one)
    block.foreign.push(one)
    addReceipt(block, one.hash, { logs, gasUsed: GAS_OF_TRANSFER, feeWei: 1n })
  }

  offer(transaction: Transaction): SendOutcome {
    const key = poolKey(transaction)
    const there = this.pool.get(key)
    if ((this.head.state.nonces.get(transaction.wallet) ?? 0n) > transaction.nonce) {
      return { kind: 'known', message: 'nonce too low' }
    }
    if (there?.hash === transaction.hash) return { kind: 'known', message: 'already known' }
    const isMore =
      !there || (isTenthMore(transaction.maxFeeWei, there.maxFeeWei) && isTenthMore(transaction.tipWei, there.tipWei))
    if (!isMore) return { kind: 'refused', cause: 'underpriced', message: 'replacement transaction underpriced' }
    this.pool.set(key, transaction)
    this.taken.set(transaction.hash, transaction)
    return { kind: 'sent' }
  }

  /** The last blocks are replaced by one more than they were; nothing that is final is touched. */
  reorg(depth: number, kind: ReorgKind): void {
    const most = this.blocks.length - 1 - FINALITY_BLOCKS
    const count = Math.min(depth, most - 1)
    if (count < 1) return
    this.stale = [...this.blocks]
    this.forks.push(this.stale)
    const lost = this.blocks.splice(this.blocks.length - count)
    for (const { hash } of lost) this.gone.add(hash)
    this.lost.push(...lost)
    const isBack = () => kind === 'pooled' || (kind === 'half' && this.random.chance(0.5))
    for (const transaction of lost.flatMap(({ ours }) => ours)) {
      if (isBack() && !this.pool.has(poolKey(transaction))) this.pool.set(poolKey(transaction), transaction)
    }
    this.foreign.push(...lost.flatMap(({ foreign }) => foreign).filter(isBack))
    for (let number = 0; number <= count; number++) this.mine(false)
  }

  find(hash: string, blocks: readonly SimBlock[] = this.blocks): Receipt | null {
    for (let index = blocks.length - 1; index >= 0; index--) {
      const receipt = blocks[index]?.receipts.get(hash)
      if (receipt) return receipt
    }
    return null
  }
}

function poolKey({ wallet, nonce }: Transaction): string {
  return `${wallet}/${nonce}`
}

function isTenthMore(wei: bigint, than: bigint): boolean {
  return wei * 10n >= than * 11n
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
