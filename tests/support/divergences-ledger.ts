import { addPair, type Divergence, onRow, onTransaction, random, updateEntries } from './divergence'
import { randomHex } from './settlements'

/** Entries of payments and of gas that are missing, wrong, double or nobody’s. */
export const LEDGER_DIVERGENCES: readonly Divergence[] = [
  {
    class: 'ledger_entry_missing',
    on: 'final',
    inject: onRow(`DELETE FROM ledger_entries WHERE settlement_id = $1 AND account LIKE 'seller:%'`),
  },
  {
    class: 'ledger_entry_extra',
    on: 'final',
    inject: async (target) => {
      await addPair(target)
      return target.row.id
    },
  },
  {
    class: 'ledger_entry_double',
    on: 'final',
    inject:
      onRow(`INSERT INTO ledger_entries (network, transaction_hash, position, block_number, block_hash, kind, turn, account, asset, amount, settlement_id)
      SELECT network, transaction_hash, position, block_number, block_hash, kind, 1, account, asset, amount, settlement_id
      FROM ledger_entries WHERE settlement_id = $1`),
  },
  { class: 'ledger_wrong_amount', on: 'final', inject: updateEntries('amount = amount - sign(amount) * 1000') },
  {
    class: 'ledger_wrong_account',
    on: 'final',
    inject: updateEntries('account = $2', `account LIKE 'seller:%'`, () => [`seller:ten_other:${randomHex(20)}`]),
  },
  { class: 'ledger_wrong_transfer', on: 'final', inject: updateEntries('position = position + 2') },
  { class: 'ledger_block_mismatch', on: 'final', inject: updateEntries('block_hash = $2', 'true', random) },
  {
    class: 'ledger_entry_of_unpaid_row',
    on: 'failed',
    inject: async (target) => {
      await addPair(target)
      return target.row.id
    },
  },
  {
    class: 'ledger_entry_without_row',
    on: 'nothing',
    inject: async (target) => {
      const transactionHash = randomHex(32)
      await addPair(target, { settlementId: null, transactionHash })
      return transactionHash
    },
  },
  {
    class: 'gas_entry_missing',
    on: 'transaction',
    inject: onTransaction(
      `DELETE FROM ledger_entries USING chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1`,
    ),
  },
  {
    class: 'gas_entry_wrong',
    on: 'transaction',
    inject: onTransaction(
      `UPDATE ledger_entries SET amount = amount - 1 FROM chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1 AND account LIKE 'wallet:%'`,
    ),
  },
  {
    class: 'gas_entry_double',
    on: 'transaction',
    inject: onTransaction(
      `UPDATE ledger_entries SET amount = amount * 2 FROM chain_transactions tx
       WHERE tx.id = $1 AND transaction_hash = tx.mined_hash AND position = -1`,
    ),
  },
  {
    class: 'gas_entry_without_transaction',
    on: 'nothing',
    inject: async (target) => {
      const transactionHash = randomHex(32)
      await addPair(target, { settlementId: null, transactionHash, position: -1, asset: 'native' })
      return transactionHash
    },
  },
]
