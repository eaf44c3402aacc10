import { SECOND_MS } from '@/lib/core/clock'
import { GAS_POSITION, type LedgerEntry } from '@/lib/settlements/ledger'
import type { Receipt } from '@/lib/settlements/settlement-chain'
import { describe, netOf } from './check-ledger'
import { type Discrepancy, discrepancy } from './classes'
import { authorizationOf, transfersOf } from './diagnose'
import type { TransactionFacts } from './facts'

type Input = { network: string; receipt: Receipt | null; nowMs: number; openSeconds: number }

/** Holds one of our transactions against its receipt, its members and its gas in the ledger. */
export function checkTransaction(input: Input, facts: TransactionFacts): Discrepancy[] {
  const ids = { network: input.network, subject: facts.id }
  const found = [checkAttempts(ids, facts), facts.isOpen ? checkOpen(ids, facts, input) : null]
  if (facts.isOpen) return [...found, checkGas(ids, facts, null)].filter(isThere)
  const { receipt } = input
  if (facts.minedHash === null) return [...found, takenNonce(ids, facts)].filter(isThere)
  if (!receipt) {
    const texts = { expected: `a receipt of ${facts.minedHash}`, found: 'none' }
    return [...found, discrepancy('transaction_decided_without_receipt', { ...ids, ...texts })].filter(isThere)
  }
  const wrong = checkReceipt(ids, facts, receipt)
  return [...found, wrong, checkGas(ids, facts, receipt), ...checkTransfers(ids, facts, receipt)].filter(isThere)
}

type Ids = { network: string; subject: string }

function checkAttempts(ids: Ids, { attempts, wallet, nonce }: TransactionFacts): Discrepancy | null {
  if (attempts.length === 0) {
    const found = `nonce ${nonce} of ${wallet} without any`
    return discrepancy('transaction_without_attempt', { ...ids, expected: 'signed bytes', found })
  }
  const empty = attempts.find(({ kind, members }) => kind === 'settle' && members.length === 0)
  if (!empty) return null
  return discrepancy('attempt_without_member', { ...ids, expected: 'payments that it settles', found: empty.hash })
}

function checkOpen(ids: Ids, { createdAt, wallet, nonce }: TransactionFacts, { nowMs, openSeconds }: Input) {
  const seconds = Math.floor((nowMs - createdAt.getTime()) / SECOND_MS)
  if (seconds <= openSeconds) return null
  const found = `nonce ${nonce} of ${wallet} open for ${seconds} s`
  return discrepancy('transaction_open_too_long', { ...ids, expected: `a receipt within ${openSeconds} s`, found })
}

/** The worker says so once the chain is final there: whoever is allowed to use the key has to be asked. */
function takenNonce(ids: Ids, { nonce, wallet }: TransactionFacts): Discrepancy {
  const texts = { expected: `a transaction of ours at nonce ${nonce} of ${wallet}`, found: 'another' }
  return discrepancy('transaction_nonce_taken', { ...ids, ...texts })
}

function checkReceipt(ids: Ids, facts: TransactionFacts, receipt: Receipt): Discrepancy | null {
  const expected = textOf(receipt)
  const found = textOf(facts)
  return expected === found ? null : discrepancy('transaction_wrong', { ...ids, expected, found })
}

function textOf({ blockNumber, blockHash, succeeded, feeWei }: TransactionFacts | Receipt): string {
  return `${succeeded ? 'succeeded' : 'failed'} in block ${blockNumber} ${blockHash} for ${feeWei} wei`
}

/** The wallet paid the fee, and it was shared among those it was for, or falls to us. */
function checkGas(ids: Ids, facts: TransactionFacts, receipt: Receipt | null): Discrepancy | null {
  const standing = netOf(facts.gas)
  if (!receipt) {
    const [entry] = standing
    if (!entry) return null
    return discrepancy('gas_entry_wrong', { ...ids, expected: 'none, for it is open', found: describe(entry) })
  }
  const expected = `${receipt.feeWei} wei from wallet:${facts.wallet} for ${receipt.transactionHash}`
  const found = standing.map(describe).join('; ') || 'none'
  const name = gasProblem(facts, receipt, standing)
  return name ? discrepancy(name, { ...ids, expected, found }) : null
}

function gasProblem(facts: TransactionFacts, receipt: Receipt, standing: readonly LedgerEntry[]) {
  const { feeWei } = receipt
  const own = `wallet:${facts.wallet}`
  const paid = sumOf(standing.filter(({ account }) => account === own))
  const takers = standing.filter(({ account }) => account !== own)
  const taken = sumOf(takers)
  if (feeWei > 0n && (paid === 0n || taken === 0n)) return 'gas_entry_missing'
  if (feeWei > 0n && (paid <= -2n * feeWei || taken >= 2n * feeWei)) return 'gas_entry_double'
  if (paid !== -feeWei || taken !== feeWei) return 'gas_entry_wrong'
  const isRight = standing.every((entry) => isInBlock(entry, receipt)) && areTakers(takers, facts, receipt)
  return isRight ? null : 'gas_entry_wrong'
}

/** Members share it. One that another transaction paid meanwhile has no part, so that all of it may be ours. */
function areTakers(takers: readonly LedgerEntry[], { attempts }: TransactionFacts, { transactionHash }: Receipt) {
  const members = attempts.find(({ hash }) => hash === transactionHash)?.members ?? []
  // Whose row is gone, and with it his name, is a finding of its own.
  if (members.some(({ row }) => row === null)) return true
  const allowed = new Set(['gas:platform', ...members.map(({ row }) => `gas:${row?.tenantId}`)])
  return takers.every(({ account }) => allowed.has(account))
}

function isInBlock(entry: LedgerEntry, { transactionHash, blockNumber, blockHash }: Receipt): boolean {
  const isPlace = entry.transactionHash === transactionHash && entry.position === GAS_POSITION
  return isPlace && entry.blockNumber === blockNumber && entry.blockHash === blockHash
}

/** Transfers that no member asked for and no settlement has used. */
function checkTransfers(ids: Ids, { attempts, usedPositions }: TransactionFacts, receipt: Receipt): Discrepancy[] {
  const members = attempts.find(({ hash }) => hash === receipt.transactionHash)?.members ?? []
  const asked = new Set(members.flatMap(({ row }) => (row ? [authorizationOf(row)] : [])))
  const isAsked = (authorization: string | null) => authorization !== null && asked.has(authorization)
  return transfersOf(receipt)
    .filter(({ authorization, position }) => !isAsked(authorization) && !usedPositions.includes(position))
    .map(({ asset, from, position }) => {
      const found = `a transfer of ${asset} by 0x${from} at ${position} of ${receipt.transactionHash}`
      return discrepancy('foreign_transfer', { ...ids, expected: 'transfers of its members only', found })
    })
}

function sumOf(entries: readonly LedgerEntry[]): bigint {
  return entries.reduce((sum, { amount }) => sum + amount, 0n)
}

function isThere(found: Discrepancy | null): found is Discrepancy {
  return found !== null
}
