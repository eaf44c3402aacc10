import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import { BlockRhythm } from './block-rhythm'
import { GasRoom, usableOf } from './gas-room'
import type { WalletDeps } from './settler'
import type { Lease, OpenTransaction, TransactionId } from './settler-store'
import { MOST_TAKEN, signReady } from './sign-ready'
import { type Sendings, send, watchOpen } from './watch-open'

const RENEW_MS = 5 * SECOND_MS
const REREAD_MS = 2 * SECOND_MS
/** A wallet without room leaves what waits to others for so long. */
const FULL_MS = SECOND_MS

/**
 * Settles with one wallet: keeps its lease, signs what waits, and watches what it sent. What is known of its open
 * transactions is kept here, for only the holder of the lease adds to them.
 */
export class WalletRunner {
  private lease: Lease | null = null
  private leasedAt = Number.NEGATIVE_INFINITY
  private readAt = Number.NEGATIVE_INFINITY
  private fullUntil = 0
  private readonly rhythm: BlockRhythm
  private renewing: Promise<Lease | null> | null = null
  private open = new Map<TransactionId, OpenTransaction>()
  private readonly sendings: Sendings = new Map()

  constructor(
    private readonly deps: WalletDeps,
    private readonly owner: string,
  ) {
    this.rhythm = new BlockRhythm(deps.network.blockTimeSeconds * SECOND_MS)
  }

  /** One round of both. True: there may be more to sign at once. */
  async tick(): Promise<boolean> {
    const found = await this.signRound()
    await this.watchRound()
    return found === 'some' || found === 'all_it_takes'
  }

  /**
   * Signs and sends what waits. Goes on beside `watchRound`. `all_it_takes`: there may be more than one round takes;
   * `failed`: also when the wallet is another's.
   */
  async signRound(): Promise<'none' | 'some' | 'all_it_takes' | 'failed'> {
    const taken = await this.withLease((lease) => this.signMore(lease))
    if (taken === null) return 'failed'
    if (taken === 0) return 'none'
    return taken < MOST_TAKEN ? 'some' : 'all_it_takes'
  }

  /** Looks after what was sent. @returns the milliseconds until there may be something to see */
  async watchRound(): Promise<number> {
    const isDone = await this.withLease(async (lease) => {
      await this.reread()
      await this.watch(lease)
      return true
    })
    return isDone ? this.rhythm.pauseMs(this.deps.now()) : SECOND_MS
  }

  /** Null: it failed, or the wallet is another's. */
  private async withLease<T>(run: (lease: Lease) => Promise<T>): Promise<T | null> {
    try {
      const lease = await this.renew()
      return lease ? await run(lease) : null
    } catch (error) {
      // Whatever was believed of the wallet is read anew; every row is safe in the database.
      if ((error as Error).name === 'LeaseLost') this.lease = null
      this.readAt = Number.NEGATIVE_INFINITY
      const { cause, message } = toAppError(error)
      const details = { err: cause ?? message, network: this.deps.network.id }
      this.deps.onProblem('a round of a wallet failed; it is tried again', details)
      return null
    }
  }

  /** Gives the wallet to whoever wants it next. */
  async stop(): Promise<void> {
    if (this.lease) await this.deps.store.release(this.lease)
    this.lease = null
  }

  /** Both rounds may ask at once: the lease is renewed once. */
  private renew(): Promise<Lease | null> {
    this.renewing ??= this.renewLease().finally(() => {
      this.renewing = null
    })
    return this.renewing
  }

  private async renewLease(): Promise<Lease | null> {
    const { network, signer, store, chain, now } = this.deps
    if (this.lease && now() - this.leasedAt < RENEW_MS) return this.lease
    if (!this.lease) {
      const { nonce } = await chain.walletState(network, signer.address)
      await store.registerWallet(network.id, signer.address, nonce)
    }
    const before = this.lease?.fence
    this.lease = await store.lease(network.id, signer.address, this.owner)
    this.leasedAt = now()
    if (this.lease?.fence !== before) this.readAt = Number.NEGATIVE_INFINITY
    return this.lease
  }

  private async reread(): Promise<void> {
    const { network, signer, store, now } = this.deps
    if (now() - this.readAt < REREAD_MS) return
    const before = [...this.open.keys()]
    this.keep(before, await store.openTransactions(network.id, signer.address, this.open))
    this.readAt = now()
  }

  private async signMore(lease: Lease): Promise<number> {
    const { deps } = this
    // What the holder before has left open counts as well.
    if (this.readAt === Number.NEGATIVE_INFINITY) await this.reread()
    if (deps.now() < this.fullUntil) return 0
    const before = this.all
    const spendable = await this.spendable()
    if (new GasRoom(before, spendable).isCrowded) return 0
    const { taken, isFull } = await signReady(deps, {
      lease,
      room: () => this.room(before, spendable),
      keep: (transaction) => this.open.set(transaction.id, transaction),
      send: (signed) => this.send(signed),
    })
    if (isFull && !new GasRoom(this.all, spendable).isCrowded) this.rest()
    return taken
  }

  private async spendable(): Promise<bigint> {
    const { store, network, signer, limits } = this.deps
    return limits.walletHourWei - (await store.spentThisHour(network.id, signer.address))
  }

  private async room(before: readonly OpenTransaction[], spendable: bigint): Promise<GasRoom> {
    const { chain, network, signer } = this.deps
    const usable = usableOf((await chain.walletState(network, signer.address)).balanceWei)
    const decided = before.filter(({ id }) => !this.open.has(id))
    return new GasRoom(this.all, usable < spendable ? usable : spendable, decided)
  }

  private get all(): OpenTransaction[] {
    return [...this.open.values()]
  }

  private async send(transactions: readonly OpenTransaction[]): Promise<void> {
    // In their order: a node keeps what has a nonce too high, but not for ever.
    for (const transaction of transactions) await send(this.deps, transaction, this.sendings)
  }

  private rest(): void {
    const { now, signer, network, onProblem } = this.deps
    this.fullUntil = now() + FULL_MS
    if (this.open.size > 0) return
    const details = { wallet: signer.address, network: network.id }
    onProblem('a wallet can pay for no transaction: it has too little, or may spend no more in this hour', details)
  }

  /** Receipts are asked for when there is a new block, and every second. */
  private async watch(lease: Lease): Promise<void> {
    const { network, chain, now } = this.deps
    if (this.open.size === 0) return
    const head = await chain.head(network)
    const isDue = this.all.some(({ id }) => now() - (this.sendings.get(id)?.atMs ?? 0) > SECOND_MS)
    if (!this.rhythm.see(head, now()) && !isDue) return
    const before = this.all
    this.keep(
      before.map(({ id }) => id),
      await watchOpen(this.deps, lease, before, this.sendings),
    )
  }

  /** What was signed meanwhile stays. */
  private keep(before: readonly TransactionId[], now: readonly OpenTransaction[]): void {
    for (const id of before) this.open.delete(id)
    for (const transaction of now) this.open.set(transaction.id, transaction)
    this.open = new Map([...this.open].sort(([, a], [, b]) => (a.nonce < b.nonce ? -1 : 1)))
  }
}
