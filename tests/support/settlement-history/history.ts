import type { LocalChain } from '@/scripts/local/chain-rpc'
import type { ChainHistory } from '@/tests/support/chain-history'
import type { SettleCall, SettleClient } from '@/tests/support/settle-client'
import type { Records } from './records'

export type HistoryInput = {
  databaseUrl: string
  chain: LocalChain
  client: SettleClient
  /** The body of every payment that was ever sent, by its key. */
  bodies: ReadonlyMap<string, string>
  /** Our wallets in lower case, with what each had before anything was settled. */
  wallets: ReadonlyMap<string, { nonce: bigint; balance: bigint }>
  /** Sellers in lower case, with the tokens that each had before. */
  sellers: ReadonlyMap<string, { tokens: bigint; tokensNow(): Promise<bigint> }>
  patienceMs: number
  /** Payments whose transaction fails because of what their payer did meanwhile. */
  mayRevert?: ReadonlySet<string>
}

/** `unsent`: whoever is told that nothing was sent is not charged. The others bear the numbers of the fault catalogue. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I12' | 'unsent'

export type History = {
  /** What breaks each invariant, in words; empty lists when all is well. */
  broken: Record<Invariant, string[]>
  facts: {
    payments: number
    calls: number
    outcomes: Record<string, number>
    rows: Record<string, number>
    transfers: number
    transactions: number
    reverted: number
    /** Granted, and the connection was gone before the answer had come. */
    unheardGrants: number
    redeemed: number
    slowestMs: number
    quietMs: number | null
  }
}

export type Judged = HistoryInput & { calls: readonly SettleCall[]; records: Records; onChain: ChainHistory }

/** The figures of whatever was judged so. */
export type HistoryFigures = { history: History }

/** Each invariant in words, for the list of a scenario. */
export const HISTORY_BOUNDS: Record<string, (figures: HistoryFigures) => boolean> = {
  'a payment has one row, one grant and one transfer at most': ({ history }) => history.broken.I1.length === 0,
  'no success is answered without a transfer of its own': ({ history }) => history.broken.I2.length === 0,
  'nobody who has paid is denied, and what was never granted is granted to a repeat': ({ history }) =>
    history.broken.I3.length === 0,
  'every outcome is known within 90 s': ({ history }) => history.broken.I4.length === 0,
  'the ledger adds up to zero, and its balances are those of the chain': ({ history }) =>
    history.broken.I5.length === 0,
  'no nonce is left out, stuck or used twice, and each settled row has a transfer of its own': ({ history }) =>
    history.broken.I6.length === 0,
  'no transaction of ours reverted': ({ history }) => history.broken.I7.length === 0,
  'who was told that nothing was sent, and did not ask again, is never charged': ({ history }) =>
    history.broken.unsent.length === 0,
  'the events alone rebuild the state of every row': ({ history }) => history.broken.I12.length === 0,
}
