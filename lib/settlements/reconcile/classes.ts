type Severity = 'high' | 'medium' | 'low'

type ClassOf = { severity: Severity; fix: string }

const LOOK = 'Compare the row with the transaction on an explorer'
const REVERSE = 'Reverse the wrong entry by an opposite one and post the right one; no entry is ever changed'

/**
 * Every way in which rows, ledger and chain can differ. `severity` is the least; a difference of 5 % of the amount or
 * more is high. High from the start is what moved money without a row, or was counted twice, or was never paid.
 */
const CLASSES = {
  // A paid row against the chain
  settled_row_without_receipt: {
    severity: 'high',
    fix: 'The chain has no such transaction. Ask a second node; if it has none either, the payment is not paid.',
  },
  receipt_reverted: { severity: 'high', fix: 'The transaction failed, so nothing was paid. Stop serving for it.' },
  transfer_missing: { severity: 'high', fix: `${LOOK}: it holds no transfer of this payment.` },
  transfer_wrong_amount: { severity: 'medium', fix: `${LOOK}: the amount that moved is the one that counts.` },
  transfer_wrong_recipient: { severity: 'high', fix: `${LOOK}: the money went to somebody else than the row says.` },
  authorization_log_missing: {
    severity: 'high',
    fix: 'The transfer is there, and not by this authorization: it paid for something else. Find that payment.',
  },
  position_wrong: { severity: 'medium', fix: 'Set the position of the row to that of the Transfer in its receipt.' },
  block_hash_wrong: { severity: 'medium', fix: 'Let the worker follow the reorg, or set the block of the receipt.' },
  block_number_wrong: { severity: 'medium', fix: 'Set the block of the row to that of the receipt.' },
  final_block_changed: {
    severity: 'high',
    fix: 'ALARM: a final block is another now. Stop payments on this network and ask a second node before all else.',
  },
  not_final_marked_final: { severity: 'medium', fix: 'The network does not call this block finalized yet: wait.' },
  mined_too_early: { severity: 'medium', fix: 'It has fewer confirmations than the network needs: wait, and ask why.' },
  not_marked_final: { severity: 'low', fix: 'Its block is final for long. See that the worker is running.' },
  row_not_member: { severity: 'medium', fix: 'No attempt of ours holds this payment: find out who sent it.' },
  settled_by_other_by_us: { severity: 'low', fix: 'The transaction is our own: the row should say mined.' },
  // The transfers that are used up
  paid_state_without_used_transfer: { severity: 'high', fix: 'Insert the transfer, or it can serve a second payment.' },
  used_transfer_wrong: { severity: 'high', fix: 'Set it to the transfer that paid the row, or that can serve again.' },
  used_transfer_shared: { severity: 'high', fix: 'One transfer paid two rows: one of the two is not paid.' },
  used_transfer_of_unpaid_row: { severity: 'medium', fix: 'Free the transfer, unless the row turns out to be paid.' },
  used_transfer_without_row: { severity: 'high', fix: 'Find the settlement that this transfer paid, in a backup.' },
  row_missing: { severity: 'high', fix: 'Money moved and its settlement is gone. Restore the row from a backup.' },
  // The ledger
  ledger_entry_missing: { severity: 'medium', fix: 'Post the entry that is missing.' },
  ledger_entry_extra: { severity: 'high', fix: 'Reverse the entry: nothing on the chain stands behind it.' },
  ledger_entry_double: { severity: 'high', fix: 'Reverse one of the two: the money moved once.' },
  ledger_wrong_amount: { severity: 'medium', fix: `${REVERSE}.` },
  ledger_wrong_account: { severity: 'high', fix: `${REVERSE}.` },
  ledger_wrong_transfer: { severity: 'medium', fix: `${REVERSE}.` },
  ledger_block_mismatch: { severity: 'medium', fix: `${REVERSE}.` },
  ledger_entry_of_unpaid_row: { severity: 'high', fix: 'Reverse it, unless the row turns out to be paid.' },
  ledger_entry_without_row: { severity: 'high', fix: 'Find the settlement that the entry belongs to, or reverse it.' },
  ledger_not_zero: { severity: 'high', fix: 'See the other findings of the ledger: one of them is the difference.' },
  gas_entry_missing: { severity: 'medium', fix: 'Post the gas of this transaction.' },
  gas_entry_wrong: { severity: 'medium', fix: `${REVERSE}.` },
  gas_entry_double: { severity: 'high', fix: 'Reverse one of the two: the gas was spent once.' },
  gas_entry_without_transaction: { severity: 'medium', fix: 'Reverse it: no transaction of ours has this hash.' },
  // Rows that are not paid
  row_failed_but_paid_on_chain: { severity: 'high', fix: 'The buyer has paid: let the worker follow it, then serve.' },
  row_released_but_authorization_used_by_us: {
    severity: 'high',
    fix: 'It was given up and our transaction paid it all the same. Serve or refund, and keep the logs.',
  },
  row_expired_too_early: { severity: 'medium', fix: 'Its authorization can still be used: watch it on.' },
  row_open_too_long: { severity: 'medium', fix: 'See that the worker is running, and what "stale" says of it.' },
  granted_without_payment: { severity: 'high', fix: 'Success was answered and nothing is paid: ask the seller.' },
  event_history_gap: { severity: 'medium', fix: 'Whoever reads the events missed a change: send it to them anew.' },
  // Our transactions and wallets
  foreign_transfer: {
    severity: 'high',
    fix: 'Our transaction moved money that no row asked for. Find out who did it.',
  },
  attempt_without_member: { severity: 'medium', fix: 'Find out what the attempt was to settle, from its bytes.' },
  transaction_without_attempt: {
    severity: 'medium',
    fix: 'Its nonce has no bytes: fill it with a transfer of nothing.',
  },
  transaction_decided_without_receipt: { severity: 'high', fix: 'Let the worker seek its receipt again: reopen it.' },
  transaction_nonce_taken: {
    severity: 'high',
    fix: 'A transaction that is not ours took its nonce: stop the other use of the key, or replace the key.',
  },
  transaction_wrong: { severity: 'medium', fix: 'Set block, success and fee to those of the receipt.' },
  transaction_open_too_long: { severity: 'medium', fix: 'See that the worker is running and the wallet has gas.' },
  in_flight_not_zero_when_idle: { severity: 'medium', fix: 'Set it to zero: it keeps a payer from paying.' },
  wallet_nonce_behind: { severity: 'high', fix: 'Somebody else sends from this wallet, or a backup was restored.' },
  wallet_nonce_ahead: { severity: 'medium', fix: 'A nonce is missing and all later ones wait for it: fill the gap.' },
} as const satisfies Record<string, ClassOf>

export type DiscrepancyClass = keyof typeof CLASSES

/** One way in which rows, ledger and chain differ. */
export type Discrepancy = {
  class: DiscrepancyClass
  severity: Severity
  network: string
  settlementId: string | null
  /** What it is about: a settlement, a transaction's id or hash, a wallet, an account. */
  subject: string
  expected: string
  found: string
  fix: string
}

type Finding = {
  network: string
  settlementId?: string | null
  subject?: string
  expected: string
  found: string
  /** How much of the settlement's amount is concerned. */
  concerned?: { amount: bigint; of: bigint }
}

/** From a twentieth on a difference is high. */
const LARGE_PART = 20n

/** A finding with its severity and what to do about it. */
export function discrepancy(name: DiscrepancyClass, finding: Finding): Discrepancy {
  const { network, settlementId = null, subject = settlementId ?? '', expected, found, concerned } = finding
  const { severity, fix } = CLASSES[name]
  const isLarge = concerned && concerned.amount > 0n && concerned.amount * LARGE_PART >= concerned.of
  return { class: name, severity: isLarge ? 'high' : severity, network, settlementId, subject, expected, found, fix }
}
