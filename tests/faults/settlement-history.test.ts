import { afterAll, beforeAll, expect, it } from 'vitest'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { DEV_WALLETS } from '@/scripts/local/dev-accounts'
import { queryDatabase } from '@/tests/support/database'
import type { SettleCall } from '@/tests/support/settle-client'
import type { HistoryInput, Invariant } from '@/tests/support/settlement-history/history'
import { startTestPostgres } from '@/tests/support/stack'
import type { AtEnd } from '@/tests/support/with-cleanup'
import { type Lane, openLane } from './settlement-lane'

// A judge who finds nothing proves nothing: each thing that must never be is made to be, and he has to see it.

const PAYMENTS = 4

type Wrong = {
  what: string
  invariant: Invariant
  /** Statements that make it so, and those that undo it. */
  make?: string
  undo?: string
  /** What a caller would have seen. */
  calls?(calls: readonly SettleCall[]): SettleCall[]
  onChain?(lane: Lane): Promise<unknown>
}

const FIRST = '(SELECT min(id) FROM settlements)'
const A_CALL = { idempotencyKey: null, status: 200, reason: null, outcome: 'success' } as const

const WRONGS: readonly Wrong[] = [
  {
    what: 'a payment that is granted to two',
    invariant: 'I1',
    calls: (calls) => [...calls, { ...(calls[0] as SettleCall), ...A_CALL }],
  },
  {
    what: 'a success of which the chain knows nothing',
    invariant: 'I2',
    calls: (calls) => [...calls, { ...(calls[0] as SettleCall), ...A_CALL, paymentKey: 'another' }],
  },
  {
    what: 'a success that names another transaction',
    invariant: 'I2',
    calls: ([first, ...others]) => [{ ...(first as SettleCall), transaction: '0x' }, ...others],
  },
  {
    what: 'a payment that reached the seller, and is called failed',
    invariant: 'I3',
    make: `UPDATE settlements SET state = 'failed' WHERE id = ${FIRST}`,
    undo: `UPDATE settlements SET state = 'mined' WHERE id = ${FIRST}`,
  },
  {
    what: 'a payment that reached the seller, and whose caller was refused',
    invariant: 'I3',
    calls: (calls) => [...calls, { ...(calls[0] as SettleCall), outcome: 'refused', reason: 'why not' }],
  },
  {
    what: 'a row that waits for ever',
    invariant: 'I4',
    make: `UPDATE settlements SET state = 'broadcast' WHERE id = ${FIRST}`,
    undo: `UPDATE settlements SET state = 'mined' WHERE id = ${FIRST}`,
  },
  {
    what: 'an answer that took longer than anybody waits',
    invariant: 'I4',
    calls: ([first, ...others]) => [{ ...(first as SettleCall), sentAt: 0 }, ...others],
  },
  {
    what: 'money that is in flight for ever',
    invariant: 'I5',
    make: 'UPDATE payer_flights SET in_flight = 1',
    undo: 'UPDATE payer_flights SET in_flight = 0',
  },
  {
    what: 'a nonce that was left out',
    invariant: 'I6',
    make: 'UPDATE chain_transactions SET nonce = nonce + 1000',
    undo: 'UPDATE chain_transactions SET nonce = nonce - 1000',
  },
  {
    what: 'a row that names the transfer of another',
    invariant: 'I6',
    make: `UPDATE settlements SET position = position + 1 WHERE id = ${FIRST}`,
    undo: `UPDATE settlements SET position = position - 1 WHERE id = ${FIRST}`,
  },
  {
    what: 'a version that is missing among the events',
    invariant: 'I12',
    make: `UPDATE settlement_events SET version = version + 10 WHERE settlement_id = ${FIRST} AND version > 0`,
    undo: `UPDATE settlement_events SET version = version - 10 WHERE settlement_id = ${FIRST} AND version > 0`,
  },
  {
    what: 'a payment of which was said that nothing was sent',
    invariant: 'unsent',
    calls: (calls) => [...calls, { ...(calls[0] as SettleCall), outcome: 'unavailable', reason: 'nothing was sent' }],
  },
  {
    what: 'an entry of the ledger that nothing stands against',
    invariant: 'I5',
    make: `INSERT INTO ledger_entries (network, transaction_hash, position, block_number, block_hash, kind, account, asset, amount)
      SELECT network, '0x', 0, 0, '0x', 'post', account, asset, 1 FROM ledger_entries LIMIT 1`,
  },
  {
    what: 'a transaction of ours that reverted',
    invariant: 'I7',
    // A call that the token does not know.
    onChain: async ({ chain }) => {
      const [wallet] = DEV_WALLETS
      const transaction = { from: wallet?.address, to: LOCAL_USDC, data: '0xffffffff', gas: '0x7530' }
      const hash = await chain.call('eth_sendTransaction', [transaction])
      await expect.poll(() => chain.call('eth_getTransactionReceipt', [hash]), { timeout: 20_000 }).not.toBeNull()
    },
  },
]

const stops: (() => Promise<unknown>)[] = []
const atEnd: AtEnd = (stop) => void stops.push(stop)
let lane: Lane
beforeAll(async () => {
  const postgres = await startTestPostgres()
  atEnd(postgres.stop)
  lane = await openLane({ postgresUrl: postgres.url }, atEnd)
  await Promise.all(Array.from({ length: PAYMENTS }, () => lane.settle(lane.newBody(), false)))
  // Nothing is to change any more but by our own hand.
  await lane.judge()
  await Promise.all(lane.workers.map(({ stop }) => stop()))
  await queryDatabase(lane.databaseUrl, `UPDATE settlements SET state = 'mined' WHERE state = 'final'`)
  await queryDatabase(lane.databaseUrl, `DELETE FROM settlement_events WHERE transition = 'finalize'`)
  await queryDatabase(
    lane.databaseUrl,
    'UPDATE settlements SET version = (SELECT max(version) FROM settlement_events WHERE settlement_id = settlements.id)',
  )
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

it('the judge finds nothing where nothing is wrong', async () => {
  const { broken, facts } = await lane.judge()
  expect(Object.values(broken).flat()).toEqual([])
  expect(facts).toMatchObject({ payments: PAYMENTS, transfers: PAYMENTS, outcomes: { success: PAYMENTS } })
})

it.each(WRONGS)('the judge sees $what', async ({ invariant, make, undo, calls, onChain }) => {
  if (make) await queryDatabase(lane.databaseUrl, make)
  await onChain?.(lane)
  const client: HistoryInput['client'] = { ...lane.client, calls: calls?.(lane.client.calls) ?? lane.client.calls }
  const { broken } = await lane.judge({ client, patienceMs: 1_500 })
  if (undo) await queryDatabase(lane.databaseUrl, undo)
  expect(broken[invariant]).not.toEqual([])
})
