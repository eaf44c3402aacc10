import type { Pool } from 'pg'
import { ecdsaSign } from 'secp256k1/bindings'
import { bytesToHex } from 'viem'
import { encodeAggregate } from '@/lib/adapters/chain/multicall'
import { keyText } from '@/lib/adapters/postgres/settlement-row'
import { type Hex, lowerHex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { MULTICALL3 } from '@/lib/core/token'
import { transferCall } from '@/lib/payments/exact-eip3009/calls'
import { authorizationDigest } from '@/lib/payments/exact-eip3009/digest'
import { gasEntries, type LedgerEntry, shareEqually, transferEntries } from '@/lib/settlements/ledger'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { randomHex, type StoredSettlement, settlementRow } from './settlements'

/** Where rows are settled: a chain that mines when it is told to, and a database with tenants. */
export type SettledWorld = { chain: LocalChain; pool: Pool; tenants: readonly string[] }

export type SettledTransaction = { id: string; hash: Hex; members: StoredSettlement[]; failed: StoredSettlement[] }

export const NETWORK = `eip155:${LOCAL_CHAIN_ID}`
const ASSET = lowerHex(LOCAL_USDC)
/** Pays the gas of what we settle; the other one of what others do. */
export const WALLET = DEV_ACCOUNTS[6] as (typeof DEV_ACCOUNTS)[number]
const OTHER_WALLET = DEV_ACCOUNTS[7] as (typeof DEV_ACCOUNTS)[number]
const SELLERS = [randomHex(20), randomHex(20)] as const
const PAYERS = [0, 2, 3, 4].map((index) => {
  const account = DEV_ACCOUNTS[index] as (typeof DEV_ACCOUNTS)[number]
  return { address: lowerHex(account.address), key: account.getHdKey().privateKey as Uint8Array }
})
const DOMAIN = { name: 'USDC', version: '2', chainId: LOCAL_CHAIN_ID, verifyingContract: ASSET }
const AUTHORIZATION_USED = '0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5'
const TRANSACTIONS_IN_A_BLOCK = 40
const VALID_SECONDS = 86_400n

type Payment = Pick<StoredSettlement, 'payer' | 'payTo' | 'amount' | 'nonce' | 'validBefore' | 'callData'>
type Log = { address: Hex; topics: Hex[]; data: Hex; logIndex: Hex }
type Receipt = {
  transactionHash: Hex
  blockNumber: Hex
  blockHash: Hex
  status: Hex
  gasUsed: Hex
  effectiveGasPrice: Hex
  logs: Log[]
}

let made = 0

/** A payment that is truly signed; with `isBad` by somebody else than its payer, so that it fails on chain. */
function signedPayment({ isBad = false, validBefore }: { isBad?: boolean; validBefore?: bigint } = {}): Payment {
  const payer = PAYERS[made % PAYERS.length] as (typeof PAYERS)[number]
  const until = validBefore ?? BigInt(Math.floor(Date.now() / 1000)) + VALID_SECONDS
  const authorization = {
    from: payer.address,
    to: SELLERS[made % SELLERS.length] as Hex,
    // All amounts differ, so that one payment cannot be taken for another.
    value: 10_000n + BigInt(made++),
    validAfter: 0n,
    validBefore: until,
    nonce: randomHex(32),
  }
  const key = isBad ? Buffer.alloc(32, 7) : payer.key
  const { signature, recid } = ecdsaSign(authorizationDigest(DOMAIN, authorization), key)
  const full: Hex = `${bytesToHex(signature)}${(27 + recid).toString(16)}`
  const { from, to, value, nonce } = authorization
  return {
    payer: from,
    payTo: to,
    amount: value,
    nonce,
    validBefore: until,
    callData: transferCall(authorization, full),
  }
}

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

/** Sends a batch from an unlocked account. It is mined with the next block. */
async function send(chain: LocalChain, from: Hex, payments: readonly Payment[]): Promise<{ hash: Hex; nonce: number }> {
  const calls = payments.map(({ callData }) => ({ target: ASSET, data: callData as Hex }))
  const gas = `0x${(payments.length * 130_000 + 100_000).toString(16)}`
  const nonce = Number(await chain.call('eth_getTransactionCount', [from, 'pending']))
  const request = { from, to: MULTICALL3, data: encodeAggregate(calls), gas }
  return { hash: await chain.call<Hex>('eth_sendTransaction', [request]), nonce }
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

function rowOf({ tenants }: SettledWorld, payment: Payment, changes: Partial<StoredSettlement>): StoredSettlement {
  const tenantId = tenants[made++ % tenants.length] as string
  const paymentKey = keyText({
    network: NETWORK,
    asset: ASSET,
    payer: payment.payer as Hex,
    nonce: payment.nonce as Hex,
  })
  return settlementRow({ tenantId, network: NETWORK, asset: ASSET, paymentKey, ...payment, ...changes })
}

/** Where a receipt shows the Transfer behind a payment's authorization. */
function placeOf({ logs, blockNumber, blockHash }: Receipt, { nonce, amount }: Payment) {
  const position = logs.findIndex(({ topics }) => topics[0] === AUTHORIZATION_USED && topics[2] === nonce) + 1
  if (position === 0 || BigInt(logs[position]?.data ?? 0) !== amount) throw new Error('a payment was not settled')
  return { position, blockNumber: BigInt(blockNumber), blockHash, settledAt: new Date() }
}

async function receiptOf(chain: LocalChain, hash: Hex): Promise<Receipt> {
  const receipt = await chain.call<Receipt | null>('eth_getTransactionReceipt', [hash])
  if (receipt?.status !== '0x1') throw new Error(`transaction ${hash} was not mined`)
  receipt.logs.sort((a, b) => Number(a.logIndex) - Number(b.logIndex))
  return receipt
}

async function finalizedBlock(chain: LocalChain): Promise<bigint> {
  return BigInt((await chain.call<{ number: Hex }>('eth_getBlockByNumber', ['finalized', false])).number)
}

function minedOf({ transactionHash, position, blockNumber, blockHash }: StoredSettlement) {
  return { transactionHash, position, blockNumber, blockHash } as Parameters<typeof transferEntries>[1]
}

async function setWallet(pool: Pool, address: Hex, nextNonce: number): Promise<void> {
  const text = `INSERT INTO wallets (network, address, next_nonce) VALUES ($1, $2, $3)
    ON CONFLICT (network, address) DO UPDATE SET next_nonce = excluded.next_nonce`
  await pool.query(text, [NETWORK, address, nextNonce])
}

type Decided = Omit<LedgerEntry, 'position' | 'account' | 'asset' | 'amount' | 'settlementId'> & {
  id: string
  wallet: Hex
  nonce: number
  feeWei: bigint
  isFinal: boolean
}

/** Rows for many tables, written together: a table's rows in one statement. */
class Tables {
  private readonly rows = new Map<string, Record<string, unknown>[]>()

  row(row: StoredSettlement): void {
    this.add('settlements', { ...row, request: {} })
  }

  paid(row: StoredSettlement, history: readonly string[]): void {
    this.row(row)
    this.history(row, history)
    const { network, transactionHash, position, id } = row
    this.add('used_transfers', { network, transactionHash, position, settlementId: id })
    this.entries(network, transferEntries(row as never, minedOf(row)))
  }

  history({ id, tenantId, mode, transactionHash }: StoredSettlement, states: readonly string[]): void {
    for (const [version, state] of states.entries()) {
      const hash = version === 0 ? null : transactionHash
      const event = { settlementId: id, tenantId, mode, version, transition: 'test', state, transactionHash: hash }
      this.add('settlement_events', { ...event, at: new Date() })
    }
  }

  entries(network: string, entries: readonly LedgerEntry[], kind = 'post'): void {
    for (const entry of entries) this.add('ledger_entries', { network, kind, ...entry })
  }

  decided({ feeWei, isFinal, transactionHash, ...transaction }: Decided, members: readonly StoredSettlement[]): void {
    const decided = { minedHash: transactionHash, succeeded: true, feeWei, isFinal, decidedAt: new Date() }
    this.add('chain_transactions', { network: NETWORK, state: 'decided', ...transaction, ...decided })
    this.attempt(transaction.id, transactionHash, members)
  }

  /** A transaction that nobody has mined, of a wallet that has sent nothing else; its payers' money is in flight. */
  open(wallet: Hex, members: readonly StoredSettlement[]): void {
    const id = newId('transaction', Date.now())
    this.add('wallets', { network: NETWORK, address: wallet, nextNonce: 1 })
    this.add('chain_transactions', { id, network: NETWORK, wallet, nonce: 0, state: 'open' })
    this.attempt(id, randomHex(32), members)
    for (const payer of new Set(members.map((row) => row.payer))) {
      const amounts = members.filter((row) => row.payer === payer).map(({ amount }) => amount)
      const inFlight = amounts.reduce((sum, amount) => sum + amount, 0n)
      this.add('payer_flights', { network: NETWORK, asset: ASSET, payer, inFlight, decidedBlock: 1 })
    }
  }

  private attempt(transactionId: string, hash: Hex, members: readonly StoredSettlement[]): void {
    const fees = { gas: 100_000, maxFeeWei: 1, tipWei: 1, fence: 1 }
    this.add('chain_attempts', { network: NETWORK, hash, transactionId, kind: 'settle', raw: '0x', ...fees })
    for (const { id } of members) this.add('attempt_members', { network: NETWORK, hash, settlementId: id })
  }

  private add(table: string, row: Record<string, unknown>): void {
    const rows = this.rows.get(table) ?? []
    rows.push(row)
    this.rows.set(table, rows)
  }

  async insert(pool: Pool): Promise<void> {
    for (const table of ORDER) await insertAll(pool, table, this.rows.get(table) ?? [])
  }
}

/** Before what refers to them. */
const ORDER = [
  ...['settlements', 'settlement_events', 'used_transfers', 'ledger_entries', 'wallets', 'payer_flights'],
  ...['chain_transactions', 'chain_attempts', 'attempt_members'],
]
const AT_ONCE = 2_000

/** Writes rows whose fields are the columns in camel case. Every row has the same fields as the first. */
export async function insertAll(pool: Pool, table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const [first] = rows
  if (!first) return
  const fields = Object.keys(first)
  const columns = fields.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  const names = columns.join(', ')
  const text = `INSERT INTO ${table} (${names}) SELECT ${names} FROM json_populate_recordset(NULL::${table}, $1::json)`
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    const records = rows.slice(start, start + AT_ONCE).map((row) => toRecord(row, fields, columns))
    await pool.query(text, [JSON.stringify(records)])
  }
}

function toRecord(row: Record<string, unknown>, fields: readonly string[], columns: readonly string[]) {
  return Object.fromEntries(
    columns.map((column, index) => {
      const value = row[fields[index] as string]
      return [column, typeof value === 'bigint' ? value.toString() : value]
    }),
  )
}
