import type { FeeOffer } from './fees'
import type { OpenTransaction } from './settler-store'

/** Nodes hold few pending transactions of one account; more wait here. */
const MOST_OPEN = 16

/** What a wallet may still offer: no more than it has, than it may spend within the hour, and than nodes hold of it. */
export class GasRoom {
  /** Something had to be left. */
  isFull = false
  private transactions: number
  private wei: bigint

  /** `decided` since `wei` was read: they take no place any more, and may not be in what was read. */
  constructor(open: readonly OpenTransaction[], wei: bigint, decided: readonly OpenTransaction[] = []) {
    this.transactions = MOST_OPEN - open.length
    this.wei = [...open, ...decided].reduce((left, transaction) => left - offerOf(transaction), wei)
  }

  /** As many transactions are open as nodes hold. */
  get isCrowded(): boolean {
    return this.transactions <= 0
  }

  /** Transactions that may still be opened, if each of them costs little enough. */
  get places(): number {
    return this.wei > 0n && !this.isCrowded ? this.transactions : 0
  }

  /** The most gas that a transaction may name at this price; 0 when there is no room for any. */
  gasAt({ maxFeeWei }: Pick<FeeOffer, 'maxFeeWei'>): bigint {
    if (this.places === 0) return 0n
    return maxFeeWei === 0n ? UNBOUNDED_GAS : this.wei / maxFeeWei
  }

  take(transaction: OpenTransaction): void {
    this.transactions -= 1
    this.wei -= offerOf(transaction)
  }
}
const UNBOUNDED_GAS = 1n << 64n

/** Wei that a transaction may cost at most, whichever of its attempts is mined: a node wants the wallet to have it. */
function offerOf({ attempts }: OpenTransaction): bigint {
  return attempts.reduce((most, { gas, maxFeeWei }) => (gas * maxFeeWei > most ? gas * maxFeeWei : most), 0n)
}

/** A fifth of what a wallet has stays for what an offer does not name: a rollup's fee for the data, and later bumps. */
export function usableOf(balanceWei: bigint): bigint {
  return (balanceWei * 4n) / 5n
}
