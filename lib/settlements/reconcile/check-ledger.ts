import { type LedgerEntry, transferEntries } from '@/lib/settlements/ledger'
import type { Truth } from './check-paid'
import { type Discrepancy, type DiscrepancyClass, discrepancy } from './classes'
import type { SettlementFacts } from './facts'

type Finding = { class: DiscrepancyClass; expected: string; found: string; amount: bigint }

/** The entries of a row, reversed ones taken off, against what the chain says was moved. At most one finding. */
export function checkLedger({ settlement: row, entries }: SettlementFacts, truth: Truth | null): Discrepancy | null {
  const standing = netOf(entries)
  const wanted = truth ? transferEntries({ ...row, amount: truth.amount, payTo: truth.payTo }, truth.mined) : []
  const finding = truth ? compare(wanted, standing) : ofUnpaid(standing)
  if (!finding) return null
  const { class: name, amount, ...texts } = finding
  const concerned = { amount: absolute(amount), of: row.amount }
  return discrepancy(name, { network: row.network, settlementId: row.id, ...texts, concerned })
}

/** What stands: posts and reversals of one account, transfer and block added up, without those that come to nothing. */
export function netOf(entries: readonly LedgerEntry[]): LedgerEntry[] {
  const sums = new Map<string, LedgerEntry>()
  for (const entry of entries) {
    const key = [entry.transactionHash, entry.position, entry.blockHash, entry.account, entry.asset].join('|')
    const before = sums.get(key)
    sums.set(key, before ? { ...before, amount: before.amount + entry.amount } : entry)
  }
  return [...sums.values()].filter(({ amount }) => amount !== 0n)
}

function ofUnpaid([entry]: readonly LedgerEntry[]): Finding | null {
  if (!entry) return null
  const name = 'ledger_entry_of_unpaid_row'
  return { class: name, expected: 'no entry, for nothing was paid', found: describe(entry), amount: entry.amount }
}

function compare(wanted: readonly LedgerEntry[], standing: readonly LedgerEntry[]): Finding | null {
  const missing = wanted.filter((entry) => entry.amount !== 0n && !standing.some((one) => isSamePlace(one, entry)))
  const extra = standing.filter((one) => !wanted.some((entry) => isSamePlace(one, entry)))
  const [first] = missing
  if (first) return explainMissing(first, extra)
  return compareAmounts(wanted, standing) ?? explainExtra(wanted, extra)
}

/** One that is missing may stand somewhere else, which is not the same as not at all. */
function explainMissing(missing: LedgerEntry, extra: readonly LedgerEntry[]): Finding {
  const expected = describe(missing)
  const moved = extra.find(({ account, amount }) => account === missing.account && amount === missing.amount)
  if (moved) {
    const isTransfer = moved.transactionHash === missing.transactionHash && moved.position === missing.position
    const name = isTransfer ? 'ledger_block_mismatch' : 'ledger_wrong_transfer'
    return { class: name, expected, found: describe(moved), amount: 0n }
  }
  const taken = extra.find((one) => one.amount === missing.amount && one.transactionHash === missing.transactionHash)
  if (taken) return { class: 'ledger_wrong_account', expected, found: describe(taken), amount: missing.amount }
  return { class: 'ledger_entry_missing', expected, found: 'none', amount: missing.amount }
}

function compareAmounts(wanted: readonly LedgerEntry[], standing: readonly LedgerEntry[]): Finding | null {
  for (const entry of wanted) {
    const one = standing.find((candidate) => isSamePlace(candidate, entry))
    if (!one) continue
    const texts = { expected: describe(entry), found: describe(one) }
    const isDouble = entry.amount !== 0n && one.amount % entry.amount === 0n && one.amount / entry.amount > 1n
    if (isDouble) return { class: 'ledger_entry_double', ...texts, amount: one.amount - entry.amount }
    if (one.amount !== entry.amount) {
      return { class: 'ledger_wrong_amount', ...texts, amount: one.amount - entry.amount }
    }
    if (one.blockNumber !== entry.blockNumber) return { class: 'ledger_block_mismatch', ...texts, amount: 0n }
  }
  return null
}

function explainExtra(wanted: readonly LedgerEntry[], [extra]: readonly LedgerEntry[]): Finding | null {
  if (!extra) return null
  const isAgain = wanted.some(({ account, amount }) => account === extra.account && amount === extra.amount)
  const name = isAgain ? 'ledger_entry_double' : 'ledger_entry_extra'
  return { class: name, expected: 'no such entry', found: describe(extra), amount: extra.amount }
}

function isSamePlace(one: LedgerEntry, other: LedgerEntry): boolean {
  const fields = ['transactionHash', 'position', 'blockHash', 'account', 'asset'] as const
  return fields.every((field) => one[field] === other[field])
}

export function describe({ account, amount, asset, transactionHash, position, blockNumber }: LedgerEntry): string {
  return `${account} ${amount} of ${asset} for ${transactionHash} at ${position} in block ${blockNumber}`
}

function absolute(amount: bigint): bigint {
  return amount < 0n ? -amount : amount
}
