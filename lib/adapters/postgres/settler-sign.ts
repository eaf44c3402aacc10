import type { Pool, PoolClient } from 'pg'
import { newId } from '@/lib/core/ids'
import type {
  Candidate,
  Lease,
  NewAttempt,
  OpenTransaction,
  Ready,
  SignInput,
  SignResult,
} from '@/lib/settlements/settler-store'
import { notifyChanged } from './settler-events'
import {
  ADD_FLIGHTS,
  CHECK_FENCE,
  COPY_MEMBERS,
  LOCK_FLIGHTS,
  LOCK_ROWS,
  NAME_NEWEST,
  SIGN_ROWS,
  TAKE_NONCE,
} from './settler-sign-sql'
import { inTransaction } from './transaction'

/** Thrown to roll back where nothing is left to be signed. */
class NothingToSign extends Error {}

/** The lease is another's by now: whatever this process believes of the wallet is out of date. */
export class LeaseLost extends Error {
  constructor({ network, wallet }: Lease) {
    super(`the lease of wallet ${wallet} on ${network} is another's`)
    this.name = 'LeaseLost'
  }
}

/**
 * Persist, then broadcast: fence, nonce, reservation of the payers' money, change of state, hash and signed bytes are
 * one transaction. After it the bytes may be sent any number of times; without it they do not exist.
 */
export async function sign(pool: Pool, input: SignInput): Promise<SignResult> {
  const sorted = { waiting: [] as Ready[], gone: [] as Ready[], fitting: [] as Candidate[] }
  try {
    const transaction = await inTransaction(pool, (client) => signIn(client, input, sorted))
    return { transaction, signed: sorted.fitting.map(({ row }) => row), waiting: sorted.waiting, gone: sorted.gone }
  } catch (error) {
    if (error instanceof NothingToSign) return { transaction: null, signed: [], ...sorted }
    throw error
  }
}

type Sorted = { waiting: Ready[]; gone: Ready[]; fitting: Candidate[] }

async function signIn(client: PoolClient, input: SignInput, sorted: Sorted): Promise<OpenTransaction> {
  const { lease } = input
  const nonce = await takeNonce(client, lease)
  const there = await lockRows(client, input.candidates)
  for (const { row } of input.candidates) if (!there.has(row.id)) sorted.gone.push(row)
  await reserve(
    client,
    input,
    input.candidates.filter(({ row }) => there.has(row.id)),
    sorted,
  )
  if (sorted.fitting.length === 0) throw new NothingToSign()
  const attempt = await input.build(
    sorted.fitting.map(({ row }) => row),
    nonce,
  )
  const id = newId('transaction', Date.now())
  const createdAt = await writeTransaction(client, { id, lease, nonce }, attempt)
  await writeMembers(
    client,
    lease.network,
    attempt.hash,
    sorted.fitting.map(({ row }) => row.id),
  )
  const ids = sorted.fitting.map(({ row }) => row.id)
  await client.query(SIGN_ROWS, [ids, id, attempt.hash])
  await notifyChanged(client, ids)
  return { id, network: lease.network, wallet: lease.wallet, nonce, attempts: [{ ...attempt, createdAt }], createdAt }
}

async function takeNonce(client: PoolClient, lease: Lease): Promise<bigint> {
  const { rows } = await client.query<{ nonce: string }>(TAKE_NONCE, [
    lease.network,
    lease.wallet,
    lease.owner,
    lease.fence,
  ])
  if (!rows[0]) throw new LeaseLost(lease)
  return BigInt(rows[0].nonce)
}

/** The rows that are still as they were when they were simulated, and whose time is not over. */
async function lockRows(client: PoolClient, candidates: readonly Candidate[]): Promise<Set<string>> {
  const values = [candidates.map(({ row }) => row.id), candidates.map(({ row }) => row.version)]
  const { rows } = await client.query<{ id: string }>(LOCK_ROWS, values)
  return new Set(rows.map(({ id }) => id))
}

/** In flight and new money together must not be more than the payer had at the block that was simulated. */
async function reserve(
  client: PoolClient,
  { lease, block }: SignInput,
  candidates: readonly Candidate[],
  sorted: Sorted,
): Promise<void> {
  const payers = new Map(candidates.map((one) => [holderOf(one.row), one.row]))
  const keys = [...payers.keys()].sort()
  const of = (field: 'asset' | 'payer') => keys.map((key) => (payers.get(key) as Ready)[field])
  const { rows } = await client.query<Flight>(LOCK_FLIGHTS, [lease.network, of('asset'), of('payer')])
  const flights = new Map(rows.map((row) => [holderOf(row), { inFlight: BigInt(row.in_flight), row }]))
  const added = new Map<string, bigint>()
  for (const candidate of candidates) {
    const key = holderOf(candidate.row)
    const flight = flights.get(key)
    const taken = (flight?.inFlight ?? 0n) + (added.get(key) ?? 0n) + candidate.row.amount
    const isFresh = BigInt(flight?.row.decided_block ?? 0) <= block
    if (isFresh && taken <= candidate.balance) {
      added.set(key, (added.get(key) ?? 0n) + candidate.row.amount)
      sorted.fitting.push(candidate)
    } else sorted.waiting.push(candidate.row)
  }
  const used = [...added.keys()]
  if (used.length === 0) return
  const rowOf = (key: string) => payers.get(key) as Ready
  await client.query(ADD_FLIGHTS, [
    lease.network,
    used.map((key) => rowOf(key).asset),
    used.map((key) => rowOf(key).payer),
    used.map((key) => (added.get(key) ?? 0n).toString()),
  ])
}

type Flight = { asset: string; payer: string; in_flight: string; decided_block: string }
const holderOf = ({ asset, payer }: { asset: string; payer: string }): string => `${asset}/${payer}`

type NewTransaction = { id: string; lease: Lease; nonce: bigint }

async function writeTransaction(client: PoolClient, { id, lease, nonce }: NewTransaction, attempt: NewAttempt) {
  const { rows } = await client.query<{ created_at: Date }>(
    `INSERT INTO chain_transactions (id, network, wallet, nonce, state) VALUES ($1, $2, $3, $4, 'open') RETURNING created_at`,
    [id, lease.network, lease.wallet, nonce],
  )
  await writeAttempt(client, id, lease, attempt)
  return rows[0]?.created_at as Date
}

async function writeAttempt(client: PoolClient, id: string, lease: Lease, attempt: NewAttempt): Promise<Date> {
  const { hash, kind, raw, gas, maxFeeWei, tipWei } = attempt
  const { rows } = await client.query<{ created_at: Date }>(
    `INSERT INTO chain_attempts (network, hash, transaction_id, kind, raw, gas, max_fee_wei, tip_wei, fence)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING created_at`,
    [lease.network, hash, id, kind, raw, gas, maxFeeWei.toString(), tipWei.toString(), lease.fence],
  )
  return rows[0]?.created_at as Date
}

async function writeMembers(client: PoolClient, network: string, hash: string, ids: readonly string[]): Promise<void> {
  await client.query('INSERT INTO attempt_members (network, hash, settlement_id) SELECT $1, $2, unnest($3::text[])', [
    network,
    hash,
    ids,
  ])
}

/** Other bytes for the nonce of an open transaction, with the members of the bytes before. */
export async function addAttempt(
  pool: Pool,
  lease: Lease,
  transaction: OpenTransaction,
  attempt: NewAttempt,
): Promise<OpenTransaction> {
  const createdAt = await inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(CHECK_FENCE, [lease.network, lease.wallet, lease.owner, lease.fence])
    if (rowCount !== 1) throw new LeaseLost(lease)
    const at = await writeAttempt(client, transaction.id, lease, attempt)
    if (attempt.kind === 'cancel') return at
    const last = transaction.attempts.findLast(({ kind }) => kind === 'settle')?.hash
    await client.query(COPY_MEMBERS, [lease.network, last, attempt.hash])
    await client.query(NAME_NEWEST, [transaction.id, attempt.hash])
    return at
  })
  return { ...transaction, attempts: [...transaction.attempts, { ...attempt, createdAt }] }
}
