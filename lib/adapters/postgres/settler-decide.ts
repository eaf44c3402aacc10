import type { Pool, PoolClient } from 'pg'
import type { LedgerEntry } from '@/lib/settlements/ledger'
import type { SettlementRefusal } from '@/lib/settlements/reasons'
import type { MinedTransfer, Settlement } from '@/lib/settlements/settlement'
import type { Decision } from '@/lib/settlements/settler-store'
import { AGAIN, DECIDE, FAIL, LAND_FLIGHTS, LOOK_AGAIN, OWN, PAY, POST, REVERSED, SPEND } from './settler-decide-sql'
import { notifyChanged } from './settler-events'
import { inTransaction } from './transaction'

type Outcome = Decision['outcomes'][number]

/** Writes what a mined transaction was: rows, transfers, ledger, gas and reservations together, and once. */
export function decide(pool: Pool, decision: Decision): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { transaction, mined, outcomes } = decision
    const { rowCount } = await client.query(DECIDE, [
      transaction.id,
      mined.hash,
      mined.blockNumber,
      mined.blockHash,
      mined.succeeded,
      mined.feeWei.toString(),
    ])
    if (rowCount !== 1) return false
    const paid = await writePaid(client, decision)
    const unpaid = outcomes.filter(({ row }) => !paid.has(row.id))
    await writeUnpaid(client, transaction.id, unpaid)
    await post(
      client,
      transaction.network,
      decision.entries.filter(({ settlementId }) => settlementId === null || paid.has(settlementId)),
    )
    await notifyChanged(
      client,
      outcomes.map(({ row }) => row.id),
    )
    // Last, for every decision wants these few rows.
    await spend(client, decision)
    await landFlights(client, decision)
    return true
  })
}

/** One transfer serves one settlement: a row is paid only with a transfer that is still free. */
async function writePaid(
  client: PoolClient,
  { outcomes, mined, transaction: { network } }: Decision,
): Promise<Set<string>> {
  const paid = new Set<string>()
  const { hash, blockNumber, blockHash } = mined
  const own = outcomes.flatMap(({ row, outcome, gasWei }) =>
    outcome.kind === 'mined' && hash !== null
      ? [{ id: row.id, gasWei, transactionHash: hash, blockNumber, blockHash, position: outcome.position }]
      : [],
  )
  for (const id of await pay(client, 'mine', network, own)) paid.add(id)
  const others = outcomes.flatMap(({ row, outcome, gasWei }) =>
    outcome.kind === 'other' ? [{ id: row.id, gasWei, ...outcome.transfer }] : [],
  )
  for (const id of await payFound(client, network, others)) paid.add(id)
  return paid
}

type Payment = MinedTransfer & { id: string; gasWei: bigint }

async function pay(
  client: PoolClient,
  transition: 'mine' | 'preempt',
  network: string,
  payments: readonly Payment[],
): Promise<string[]> {
  if (payments.length === 0) return []
  const { rows } = await client.query<{ id: string }>(PAY[transition], [
    network,
    payments.map(({ id }) => id),
    payments.map(({ transactionHash }) => transactionHash),
    payments.map(({ position }) => position),
    payments.map(({ blockNumber }) => blockNumber.toString()),
    payments.map(({ blockHash }) => blockHash),
    payments.map(({ gasWei }) => gasWei.toString()),
  ])
  return rows.map(({ id }) => id)
}

/**
 * Payments found by their logs. One of ours is mined, whoever found it, as long as it was decided in that very block;
 * an open one is for whoever watches it.
 */
async function payFound(client: PoolClient, network: string, payments: readonly Payment[]): Promise<string[]> {
  if (payments.length === 0) return []
  const hashes = payments.map(({ transactionHash }) => transactionHash)
  const { rows } = await client.query<{ hash: string; block_hash: string | null }>(OWN, [network, hashes])
  const own = new Map(rows.map(({ hash, block_hash }) => [hash, block_hash]))
  const mined = payments.filter(({ transactionHash, blockHash }) => own.get(transactionHash) === blockHash)
  const others = payments.filter(({ transactionHash }) => !own.has(transactionHash))
  if (mined.length > 0) await client.query(LOOK_AGAIN, [network, mined.map(({ transactionHash }) => transactionHash)])
  return [...(await pay(client, 'mine', network, mined)), ...(await pay(client, 'preempt', network, others))]
}

/** A payment found outside a decision: the same writes for one row. */
export function payOne(
  pool: Pool,
  row: Settlement,
  transfer: MinedTransfer,
  entries: readonly LedgerEntry[],
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const [paid] = await payFound(client, row.network, [{ ...transfer, id: row.id, gasWei: 0n }])
    if (!paid) return false
    await post(client, row.network, entries)
    await notifyChanged(client, [row.id])
    return true
  })
}

/** What was found and cannot be booked now is watched until it can. */
function refusalOf(outcome: Outcome['outcome']): SettlementRefusal {
  return outcome.kind === 'failed' ? outcome.refusal : UNBOOKED
}

const UNBOOKED: SettlementRefusal = {
  reason: 'invalid_exact_evm_nonce_already_used',
  message: 'The authorization was used elsewhere before our transaction was mined.',
}

/** Only rows whose own nonce this is: one that entered another since is decided there. */
async function writeUnpaid(client: PoolClient, id: string, outcomes: readonly Outcome[]): Promise<void> {
  const failed = outcomes.flatMap(({ row, outcome }) =>
    outcome.kind === 'failed' || outcome.kind === 'other' ? [{ id: row.id, ...refusalOf(outcome) }] : [],
  )
  if (failed.length > 0) {
    await client.query(FAIL, [
      failed.map(({ id }) => id),
      failed.map(({ reason }) => reason),
      failed.map(({ message }) => message),
      id,
    ])
  }
  const again = outcomes.flatMap(({ row, outcome }) => (outcome.kind === 'again' ? [{ id: row.id, ...outcome }] : []))
  if (again.length > 0) {
    await client.query(AGAIN, [again.map((one) => one.id), again.map(({ isAlone }) => isAlone), id])
  }
}

/** The money of all its members, whatever they are by now, is in flight no more: it arrived, or it never left. */
async function landFlights(client: PoolClient, { transaction, mined }: Decision): Promise<void> {
  await client.query(LAND_FLIGHTS, [transaction.network, transaction.id, mined.blockNumber.toString()])
}

async function post(client: PoolClient, network: string, entries: readonly LedgerEntry[]): Promise<void> {
  if (entries.length === 0) return
  const turns = await turnsOf(client, network, entries)
  const rows = entries.map((entry) => ({
    transaction_hash: entry.transactionHash,
    position: entry.position,
    block_number: entry.blockNumber.toString(),
    block_hash: entry.blockHash,
    turn: turns.get(turnKey(entry.transactionHash, entry.position, entry.blockHash, entry.account)) ?? 0,
    account: entry.account,
    asset: entry.asset,
    amount: entry.amount.toString(),
    settlement_id: entry.settlementId,
  }))
  await client.query(POST, [JSON.stringify(rows), network])
}

type Reversed = { transaction_hash: string; position: number; block_hash: string; account: string; times: number }

/** A block can come back after it was gone: then its entries are posted once more. */
async function turnsOf(client: PoolClient, network: string, entries: readonly LedgerEntry[]) {
  const hashes = [...new Set(entries.map(({ transactionHash }) => transactionHash))]
  const { rows } = await client.query<Reversed>(REVERSED, [network, hashes])
  return new Map(
    rows.map((row) => [turnKey(row.transaction_hash, row.position, row.block_hash, row.account), row.times]),
  )
}

function turnKey(hash: string, position: number, blockHash: string, account: string): string {
  return `${hash}/${position}/${blockHash}/${account}`
}

/** Wei by tenant and by payer a day, and by wallet an hour: the budgets read these. */
async function spend(client: PoolClient, { transaction, mined, shares }: Decision): Promise<void> {
  const rows = [
    { scope: 'wallet', subject: transaction.wallet, wei: mined.feeWei },
    ...shares.map(({ tenantId, mode, wei }) => ({ scope: 'tenant', subject: `${tenantId}:${mode}`, wei })),
    ...shares.map(({ payer, wei }) => ({ scope: 'payer', subject: payer, wei })),
  ]
  await client.query(SPEND, [
    transaction.network,
    rows.map(({ scope }) => scope),
    rows.map(({ subject }) => subject),
    rows.map(({ wei }) => wei.toString()),
  ])
}
