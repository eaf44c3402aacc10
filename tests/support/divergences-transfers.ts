import { newId } from '@/lib/core/ids'
import { type Divergence, goTo, onRow, random, updateRow } from './divergence'
import { NETWORK } from './settled-rows-payments'
import { insertAll } from './settled-rows-tables'
import { randomHex } from './settlements'

/** Rows that do not say what the chain says, and transfers that are not used as they should be. */
export const TRANSFER_DIVERGENCES: readonly Divergence[] = [
  { class: 'settled_row_without_receipt', on: 'final', inject: updateRow('transaction_hash = $2', random) },
  { class: 'receipt_reverted', on: 'final', inject: updateRow('transaction_hash = $2', (t) => [t.revertedHash]) },
  { class: 'transfer_missing', on: 'final', inject: updateRow('transaction_hash = $2', (t) => [t.strangeHash]) },
  { class: 'transfer_wrong_amount', on: 'final', inject: updateRow('amount = amount * 2') },
  { class: 'transfer_wrong_recipient', on: 'final', inject: updateRow('pay_to = $2', () => [randomHex(20)]) },
  { class: 'authorization_log_missing', on: 'final', inject: updateRow('nonce = $2', random) },
  { class: 'position_wrong', on: 'final', inject: updateRow('position = position - 1') },
  { class: 'block_hash_wrong', on: 'mined', inject: updateRow('block_hash = $2', random) },
  { class: 'block_number_wrong', on: 'final', inject: updateRow('block_number = block_number + 1') },
  { class: 'final_block_changed', on: 'final', inject: updateRow('block_hash = $2', random) },
  { class: 'not_final_marked_final', on: 'young', inject: (target) => goTo(target, 'final') },
  { class: 'not_marked_final', on: 'mined', inject: updateRow(`settled_at = now() - interval '1 hour'`) },
  {
    class: 'row_not_member',
    on: 'final',
    inject: onRow('DELETE FROM attempt_members WHERE settlement_id = $1'),
  },
  { class: 'settled_by_other_by_us', on: 'mined', inject: (target) => goTo(target, 'settled_by_other') },
  {
    class: 'paid_state_without_used_transfer',
    on: 'final',
    inject: onRow('DELETE FROM used_transfers WHERE settlement_id = $1'),
  },
  {
    class: 'used_transfer_wrong',
    on: 'final',
    inject: onRow('UPDATE used_transfers SET position = position - 1 WHERE settlement_id = $1'),
  },
  {
    class: 'used_transfer_shared',
    on: 'final',
    inject: async (target) => {
      const { transactionHash, position } = target.neighbour
      return updateRow('transaction_hash = $2, position = $3', () => [transactionHash, position])(target)
    },
  },
  {
    class: 'used_transfer_of_unpaid_row',
    on: 'failed',
    inject: onRow(
      'INSERT INTO used_transfers (settlement_id, network, transaction_hash, position) VALUES ($1, $2, $3, 1)',
      () => [NETWORK, randomHex(32)],
    ),
  },
  {
    class: 'used_transfer_without_row',
    on: 'nothing',
    inject: async ({ pool }) => {
      const settlementId = newId('settlement', Date.now())
      await insertAll(pool, 'used_transfers', [
        { network: NETWORK, transactionHash: randomHex(32), position: 1, settlementId },
      ])
      return settlementId
    },
  },
  { class: 'row_missing', on: 'final', inject: onRow('DELETE FROM settlements WHERE id = $1') },
]
