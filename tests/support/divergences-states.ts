import { newId } from '@/lib/core/ids'
import { type Divergence, forgetPayment, goTo, onRow, onTransaction, random, updateRow } from './divergence'
import { NETWORK } from './settled-rows-payments'
import { insertAll } from './settled-rows-tables'
import { randomHex } from './settlements'

/** States, histories, transactions, flights and nonces that cannot be as they are. */
export const STATE_DIVERGENCES: readonly Divergence[] = [
  {
    class: 'row_failed_but_paid_on_chain',
    on: 'mined',
    inject: async (target) => {
      await forgetPayment(target)
      return goTo(target, 'failed')
    },
  },
  {
    class: 'row_released_but_authorization_used_by_us',
    on: 'mined',
    inject: async (target) => {
      await forgetPayment(target)
      await updateRow('released_at = now(), payment_key = NULL')(target)
      return goTo(target, 'failed')
    },
  },
  { class: 'row_expired_too_early', on: 'failed', inject: (target) => goTo(target, 'expired') },
  {
    class: 'row_open_too_long',
    on: 'broadcast',
    inject: onRow(`UPDATE settlement_events SET at = now() - interval '1 hour' WHERE settlement_id = $1`),
  },
  { class: 'granted_without_payment', on: 'failed', inject: updateRow('granted_at = now()') },
  {
    class: 'event_history_gap',
    on: 'final',
    inject: onRow('DELETE FROM settlement_events WHERE settlement_id = $1 AND version = 1'),
  },
  {
    class: 'attempt_without_member',
    on: 'transaction',
    inject: onTransaction(
      `INSERT INTO chain_attempts (transaction_id, network, hash, kind, raw, gas, max_fee_wei, tip_wei, fence)
       VALUES ($1, $2, $3, 'settle', '0x', 1, 1, 1, 1)`,
      () => [NETWORK, randomHex(32)],
    ),
  },
  {
    class: 'transaction_without_attempt',
    on: 'nothing',
    inject: async ({ pool }) => {
      const id = newId('transaction', Date.now())
      await insertAll(pool, 'chain_transactions', [
        { id, network: NETWORK, wallet: randomHex(20), nonce: 0, state: 'open' },
      ])
      return id
    },
  },
  {
    class: 'transaction_decided_without_receipt',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET mined_hash = $2 WHERE id = $1', random),
  },
  {
    class: 'transaction_nonce_taken',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET mined_hash = NULL WHERE id = $1'),
  },
  {
    class: 'transaction_wrong',
    on: 'transaction',
    inject: onTransaction('UPDATE chain_transactions SET fee_wei = fee_wei + 1 WHERE id = $1'),
  },
  {
    class: 'in_flight_not_zero_when_idle',
    on: 'nothing',
    inject: async ({ pool }) => {
      const payer = randomHex(20)
      await insertAll(pool, 'payer_flights', [
        { network: NETWORK, asset: randomHex(20), payer, inFlight: 5, decidedBlock: 1 },
      ])
      return payer
    },
  },
  {
    class: 'wallet_nonce_ahead',
    on: 'nothing',
    inject: async ({ pool }) => {
      const address = randomHex(20)
      await insertAll(pool, 'wallets', [{ network: NETWORK, address, nextNonce: 3 }])
      return address
    },
  },
]
