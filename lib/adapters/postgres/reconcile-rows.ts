import type { Hex } from '@/lib/core/hex'
import type { LedgerEntry } from '@/lib/settlements/ledger'
import type { MemberFacts, TransactionFacts } from '@/lib/settlements/reconcile/facts'

export type EntryText = Omit<
  LedgerEntry,
  'transactionHash' | 'blockNumber' | 'blockHash' | 'amount' | 'settlementId'
> & {
  transaction_hash: Hex
  block_number: string
  block_hash: Hex
  amount: string
  settlement_id: string | null
}

/** An entry as the database has it. */
export function toEntry(row: EntryText): LedgerEntry {
  const { transaction_hash, position, block_number, block_hash, account, asset, amount, settlement_id } = row
  return {
    ...{ position, account, asset },
    transactionHash: transaction_hash,
    blockNumber: BigInt(block_number),
    blockHash: block_hash,
    amount: BigInt(amount),
    settlementId: settlement_id as LedgerEntry['settlementId'],
  }
}

export type TransactionText = {
  id: string
  wallet: Hex
  nonce: string
  state: string
  mined_hash: Hex | null
  block_number: string | null
  block_hash: Hex | null
  succeeded: boolean | null
  fee_wei: string | null
  created_at: Date
}

export type MemberText = {
  hash: Hex
  kind: string
  settlement_id: MemberFacts['settlementId'] | null
  tenant_id: string | null
  asset: Hex
  payer: Hex
  nonce: Hex
}

/** The attempts of a transaction, each with its members. */
export function toAttempts(rows: readonly MemberText[]): TransactionFacts['attempts'] {
  const attempts = new Map<Hex, { hash: Hex; kind: string; members: MemberFacts[] }>()
  for (const { hash, kind, settlement_id, tenant_id, asset, payer, nonce } of rows) {
    const attempt = attempts.get(hash) ?? { hash, kind, members: [] }
    attempts.set(hash, attempt)
    const row = tenant_id === null ? null : { tenantId: tenant_id, asset, payer, nonce }
    if (settlement_id) attempt.members.push({ settlementId: settlement_id, row })
  }
  return [...attempts.values()]
}

export function toBig(text: string | null): bigint | null {
  return text === null ? null : BigInt(text)
}
