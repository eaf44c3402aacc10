import type { Pool } from 'pg'
import { type Hex, lowerHex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { gasEntries, shareEqually, transferEntries } from '@/lib/settlements/ledger'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { finalizedBlock, placeOf, receiptOf, send } from './settled-rows-chain'
import { NETWORK, type Payment, rowOf, signedPayment } from './settled-rows-payments'
import { minedOf, Tables } from './settled-rows-tables'
import { randomHex, type StoredSettlement } from './settlements'

/** Where rows are settled: a chain that mines when it is told to, and a database with tenants. */
export type SettledWorld = { chain: LocalChain; pool: Pool; tenants: readonly string[] }

export type SettledTransaction = { id: string; hash: Hex; members: StoredSettlement[]; failed: StoredSettlement[] }

/** Pays the gas of what we settle; the other one of what others do. */
export const WALLET = DEV_ACCOUNTS[6] as (typeof DEV_ACCOUNTS)[number]
const OTHER_WALLET = DEV_ACCOUNTS[7] as (typeof DEV_ACCOUNTS)[number]

const TRANSACTIONS_IN_A_BLOCK = 40

type Batch = { written: Payment[]; bad: Payment[]; all: Payment[]; nonce: number; hash: Hex }
type Options = {
  count: number
  perTransaction?: number
  /** Each transaction carries one payment more, of which no row knows. */
  hasStranger?: boolean
}

/**
 * Really settles payments on the chain through Multicall3 and writes every table as the worker would: rows, events,
 * used transfers, ledger, transactions, attempts and members. Every fifth transaction carries one that fails.
 */
export async function settleRows(world: SettledWorld, options: Options): Promise<SettledTransaction[]> {
  const { count, perTransaction = 10, hasStranger = false } = options
  const batches: Batch[] = []
  for (let start = 0; start < count; start += perTransaction) {
    const written = Array.from({ length: Math.min(perTransaction, count - start) }, () => signedPayment())
    const bad = batches.length % 5 === 4 ? [signedPayment({ isBad: true })] : []
    const all = [...bad, ...written, ...(hasStranger ? [signedPayment()] : [])]
    batches.push({ written, bad, all, ...(await send(world.chain, WALLET.address, all)) })
    if (batches.length % TRANSACTIONS_IN_A_BLOCK === 0) await world.chain.call('evm_mine')
  }
  await world.chain.call('evm_mine')
  const finalBlock = await finalizedBlock(world.chain)
  const settled: SettledTransaction[] = []
  const tables = new Tables()
  for (const batch of batches) settled.push(await writeBatch(world, tables, batch, finalBlock))
  await tables.insert(world.pool)
  const address = lowerHex(WALLET.address)
  await setWallet(world.pool, address, Number(await world.chain.call('eth_getTransactionCount', [address, 'latest'])))
  return settled
}

/** Lets somebody else's wallet settle payments that we had claimed: rows `settled_by_other`. */
export async function settleByOthers(world: SettledWorld, count: number): Promise<StoredSettlement[]> {
  const payments = Array.from({ length: count }, () => signedPayment())
  const { hash } = await send(world.chain, OTHER_WALLET.address, payments)
  await world.chain.call('evm_mine')
  const receipt = await receiptOf(world.chain, hash)
  const tables = new Tables()
  const rows = payments.map((payment) => {
    const paid = placeOf(receipt, payment)
    const row = rowOf(world, payment, { state: 'settled_by_other', version: 1, ...paid, transactionHash: hash })
    tables.paid(row, [])
    tables.history(row, ['queued', 'settled_by_other'])
    return row
  })
  await tables.insert(world.pool)
  return rows
}

export type UnpaidRows = Record<'queued' | 'broadcast' | 'failed' | 'expired' | 'released', StoredSettlement[]>

/** Rows of every state that is not paid, and true: `broadcast` in an open transaction whose bytes nobody has mined. */
export async function writeUnpaid(world: SettledWorld, count: number): Promise<UnpaidRows> {
  const tables = new Tables()
  const make = (changes: Partial<StoredSettlement>, history: string[], validBefore?: bigint) =>
    Array.from({ length: count }, () => {
      const payment = signedPayment(validBefore === undefined ? {} : { validBefore })
      const row = rowOf(world, payment, { ...changes, version: history.length - 1 })
      tables.row(row)
      tables.history(row, history)
      return row
    })
  const past = BigInt(Math.floor(Date.now() / 1000)) - 600n
  const unpaid = {
    queued: make({ state: 'queued' }, ['queued']),
    broadcast: make({ state: 'broadcast' }, ['queued', 'broadcast']),
    failed: make({ state: 'failed' }, ['queued', 'broadcast', 'failed']),
    expired: make({ state: 'expired' }, ['queued', 'broadcast', 'failed', 'expired'], past),
    released: make({ state: 'failed', paymentKey: null, releasedAt: new Date() }, ['failed']),
  }
  make({ state: 'mined', isMagic: true, transactionHash: randomHex(32) }, ['queued', 'broadcast', 'mined'])
  tables.open(randomHex(20), unpaid.broadcast)
  await tables.insert(world.pool)
  return unpaid
}

/** Rows that were mined, lost their block and were mined again: the ledger was posted, reversed and posted anew. */
export async function addReorgs(world: SettledWorld, rows: readonly StoredSettlement[]): Promise<void> {
  const tables = new Tables()
  for (const row of rows) {
    const lost = transferEntries(row as never, { ...minedOf(row), blockHash: randomHex(32), blockNumber: 3n })
    tables.entries(row.network, lost)
    tables.entries(
      row.network,
      lost.map((entry) => ({ ...entry, amount: -entry.amount })),
      'reverse',
    )
  }
  await tables.insert(world.pool)
}

async function writeBatch(
  world: SettledWorld,
  tables: Tables,
  { written, bad, nonce, hash }: Batch,
  finalBlock: bigint,
): Promise<SettledTransaction> {
  const receipt = await receiptOf(world.chain, hash)
  const block = { transactionHash: hash, blockNumber: BigInt(receipt.blockNumber), blockHash: receipt.blockHash }
  const feeWei = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice)
  const id = newId('transaction', Date.now())
  const isFinal = block.blockNumber <= finalBlock
  const history = ['queued', 'broadcast', 'mined', ...(isFinal ? ['final'] : [])]
  const members = written.map((payment) => {
    const place = { ...placeOf(receipt, payment), transactionHash: hash, transactionId: id }
    return rowOf(world, payment, { ...place, state: isFinal ? 'final' : 'mined', version: history.length - 1 })
  })
  const failed = bad.map((payment) =>
    rowOf(world, payment, { state: 'failed', version: 2, transactionHash: hash, transactionId: id }),
  )
  const all = [...failed, ...members]
  const gas = shareEqually(feeWei, all.length)
  const shares = all.map(({ tenantId }, index) => ({ tenantId, wei: gas[index] as bigint }))
  const wallet = lowerHex(WALLET.address)
  tables.decided({ id, wallet, nonce, ...block, feeWei, isFinal }, all)
  for (const row of members) tables.paid(row, history)
  for (const row of failed) {
    tables.row(row)
    tables.history(row, ['queued', 'broadcast', 'failed'])
  }
  tables.entries(NETWORK, gasEntries({ ...block, wallet, feeWei, shares }))
  return { id, hash, members, failed }
}

async function setWallet(pool: Pool, address: Hex, nextNonce: number): Promise<void> {
  const text = `INSERT INTO wallets (network, address, next_nonce) VALUES ($1, $2, $3)
    ON CONFLICT (network, address) DO UPDATE SET next_nonce = excluded.next_nonce`
  await pool.query(text, [NETWORK, address, nextNonce])
}
