import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import type { MinedTransfer } from '@/lib/settlements/settlement'
import type { Block, Receipt } from '@/lib/settlements/settlement-chain'
import { type Discrepancy, discrepancy } from './classes'
import { type Diagnosis, diagnose } from './diagnose'
import type { SettlementFacts } from './facts'

/** What the chain says around a page of rows. */
export type ChainFacts = {
  network: Network
  receipts: Map<Hex, Receipt | null>
  /** Canonical blocks by number. */
  blocks: ReadonlyMap<bigint, Block | null>
  head: Block
  finalized: Block
}

/** The transfer that used transfers and ledger must show. Null where the chain shows none: the row comes first then. */
export type Truth = { amount: bigint; payTo: Hex; mined: MinedTransfer }

export type PaidCheck = { found: Discrepancy | null; truth: Truth | null }

/** Holds a paid row against its receipt: at most one finding, the first that explains the others. */
export function checkPaid(chain: ChainFacts, facts: SettlementFacts): PaidCheck {
  const { settlement: row } = facts
  const receipt = row.transactionHash ? (chain.receipts.get(row.transactionHash) ?? null) : null
  if (!receipt) return { found: withoutReceipt(chain, facts), truth: null }
  const diagnosis = diagnose(receipt, row)
  // Of a block that is not canonical nothing follows for the other tables.
  const isCanonical = chain.blocks.get(receipt.blockNumber)?.hash === receipt.blockHash
  const truth = isCanonical ? truthOf(facts, receipt, diagnosis) : null
  if (diagnosis.kind !== 'paid') return { found: unpaid(facts, diagnosis), truth }
  return { found: checkPlace(chain, facts, receipt, diagnosis.position), truth }
}

function withoutReceipt({ network, blocks }: ChainFacts, facts: SettlementFacts): Discrepancy {
  const { settlement: row, blockNumber, blockHash } = facts
  const canonical = blockNumber === null ? null : blocks.get(blockNumber)
  const isGone = row.state === 'final' && canonical?.hash !== blockHash
  return discrepancy(isGone ? 'final_block_changed' : 'settled_row_without_receipt', {
    network: network.id,
    settlementId: row.id,
    expected: `a receipt of ${row.transactionHash ?? 'the transaction that paid'} in block ${blockNumber} ${blockHash}`,
    found: `no receipt; block ${blockNumber} is ${canonical?.hash ?? 'not there'}`,
  })
}

function truthOf({ settlement }: SettlementFacts, receipt: Receipt, diagnosis: Diagnosis): Truth | null {
  if (!('position' in diagnosis)) return null
  const { transactionHash, blockNumber, blockHash } = receipt
  const mined = { transactionHash, blockNumber, blockHash, position: diagnosis.position }
  if (diagnosis.kind === 'paid') return { amount: settlement.amount, payTo: settlement.payTo, mined }
  return { amount: diagnosis.amount, payTo: diagnosis.to, mined }
}

function unpaid({ settlement: row }: SettlementFacts, diagnosis: Exclude<Diagnosis, { kind: 'paid' }>): Discrepancy {
  const { network, id, payer, payTo, amount } = row
  const expected = `AuthorizationUsed, then Transfer of ${amount} from ${payer} to ${payTo} in ${row.transactionHash}`
  if (!('position' in diagnosis)) {
    const found = FOUND[diagnosis.kind]
    return discrepancy(diagnosis.kind, { network, settlementId: id, expected, found })
  }
  const found = `Transfer of ${diagnosis.amount} to ${diagnosis.to}`
  const difference = amount > diagnosis.amount ? amount - diagnosis.amount : diagnosis.amount - amount
  const concerned = { amount: difference, of: amount }
  return discrepancy(diagnosis.kind, { network, settlementId: id, expected, found, concerned })
}

const FOUND = {
  receipt_reverted: 'the transaction failed',
  transfer_missing: 'no such transfer',
  authorization_log_missing: 'such a transfer, but not behind this authorization',
}

/** The transfer is there. Is it where the row says, and as old as its state says? */
function checkPlace(chain: ChainFacts, facts: SettlementFacts, receipt: Receipt, position: number): Discrepancy | null {
  const { settlement: row, blockHash, blockNumber } = facts
  const ids = { network: row.network, settlementId: row.id }
  const canonical = chain.blocks.get(receipt.blockNumber)?.hash
  if (blockHash !== receipt.blockHash || canonical !== receipt.blockHash) {
    const name = row.state === 'final' ? 'final_block_changed' : 'block_hash_wrong'
    const found = `the row says ${blockHash}, the receipt ${receipt.blockHash}`
    return discrepancy(name, { ...ids, expected: `block ${receipt.blockNumber} is ${canonical}`, found })
  }
  if (blockNumber !== receipt.blockNumber) {
    return discrepancy('block_number_wrong', { ...ids, expected: `${receipt.blockNumber}`, found: `${blockNumber}` })
  }
  if (facts.position !== position) {
    return discrepancy('position_wrong', { ...ids, expected: `${position}`, found: `${facts.position}` })
  }
  return checkDepth(chain, facts, receipt.blockNumber) ?? checkSender(facts)
}

function checkDepth(chain: ChainFacts, { settlement: row }: SettlementFacts, block: bigint): Discrepancy | null {
  const ids = { network: row.network, settlementId: row.id }
  const { head, finalized, network } = chain
  if (row.state === 'final' && block > finalized.number) {
    const found = `block ${block}, final is ${finalized.number}`
    return discrepancy('not_final_marked_final', { ...ids, expected: `a final block`, found })
  }
  const depth = head.number - block + 1n
  if (depth < BigInt(network.confirmations)) {
    const expected = `${network.confirmations} confirmations`
    return discrepancy('mined_too_early', { ...ids, expected, found: `${depth}` })
  }
  return null
}

/** What we mined is a member of an attempt of ours, and what somebody else mined is of none. */
function checkSender({ settlement: row, attempts }: SettlementFacts): Discrepancy | null {
  const ids = { network: row.network, settlementId: row.id }
  const isOurs = row.transactionHash !== null && attempts.includes(row.transactionHash)
  const isOther = row.state === 'settled_by_other'
  if (isOurs && isOther) {
    const found = `${row.transactionHash} is our own`
    return discrepancy('settled_by_other_by_us', { ...ids, expected: "somebody else's transaction", found })
  }
  if (isOurs || isOther) return null
  const found = `${row.transactionHash} carries others only`
  return discrepancy('row_not_member', { ...ids, expected: 'an attempt of ours that carries this payment', found })
}
