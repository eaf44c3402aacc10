import type { MemberOutcome } from '@/lib/settlements/settler-store'
import { type Facts, type Play, payerOf, SELLER } from './play'

export type Scenario = { name: string; run(play: Play): Promise<void>; expected: unknown[] }

export const REFUSAL = { reason: 'invalid_exact_evm_transaction_failed', message: 'It failed.' }

export const MINED: MemberOutcome = { kind: 'mined', position: 1 }
export const FAILED: MemberOutcome = { kind: 'failed', refusal: REFUSAL }
export const AGAIN: MemberOutcome = { kind: 'again', isAlone: false }

/** What is expected to be true: nothing in flight, used or booked but for what is named. */
export const facts = (rows: string[], changes: string[], rest: Partial<Facts> = {}): Facts => ({
  ...{ rows, changes, flights: 0n, usedTransfers: 0, ledger: {}, nextNonce: null },
  ...rest,
})
/** The ledger when only this payer has paid. */
export const paidBooks = (name: string) => ({ [`payer:${payerOf(name)}`]: -100n, [`seller:ten_a:${SELLER}`]: 100n })
