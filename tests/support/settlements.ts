import { randomBytes } from 'node:crypto'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import type { Mode } from '@/lib/core/plans'
import { LOCAL_CHAIN_ID } from '@/scripts/local/chain'
import { queryDatabase } from './database'

/** A row of the table `settlements`, as it is written. Times are unix seconds or dates, amounts atomic units. */
export type StoredSettlement = {
  id: string
  tenantId: string
  mode: Mode
  keyId: string
  requestId: string
  x402Version: number
  network: string
  asset: string
  payer: string
  payTo: string
  amount: bigint
  nonce: string
  validAfter: bigint
  validBefore: bigint
  callData: string
  paymentKey: string | null
  requirementsHash: string
  resource: string | null
  paymentIdentifier: string | null
  state: string
  version: number
  reason: string | null
  message: string | null
  seenUnusedBlock: bigint
  isMagic: boolean
  isReady: boolean
  isAlone: boolean
  deadline: Date
  transactionId: string | null
  transactionHash: string | null
  position: number | null
  blockNumber: bigint | null
  blockHash: string | null
  gasWei: bigint
  grantedAt: Date | null
  grantedRequest: string | null
  grantKey: string | null
  releasedAt: Date | null
  createdAt: Date
  settledAt: Date | null
  request: string
}

const TEST_ASSET = '0x036cbd53842c5426634e7929541ec2318f3dcf7e'

/** So many random bytes as hex. */
export function randomHex(bytes: number): Hex {
  return `0x${randomBytes(bytes).toString('hex')}`
}

/** A row that is queued, with random parties; what is given stands in its place. Not written. */
export function settlementRow(overrides: Partial<StoredSettlement> & { tenantId: string }): StoredSettlement {
  const createdAt = overrides.createdAt ?? new Date()
  const nonce = overrides.nonce ?? randomHex(32)
  return {
    id: newId('settlement', createdAt.getTime()),
    mode: 'test',
    keyId: newId('apiKey', createdAt.getTime()),
    requestId: newId('request', createdAt.getTime()),
    x402Version: 2,
    network: `eip155:${LOCAL_CHAIN_ID}`,
    asset: TEST_ASSET,
    payer: randomHex(20),
    payTo: randomHex(20),
    amount: 10_000n,
    nonce,
    validAfter: 0n,
    validBefore: BigInt(Math.floor(createdAt.getTime() / 1_000) + 60),
    callData: '0x',
    paymentKey: `test/${nonce}`,
    requirementsHash: 'test',
    resource: 'https://seller.example/weather',
    paymentIdentifier: null,
    state: 'queued',
    version: 0,
    reason: null,
    message: null,
    seenUnusedBlock: 1n,
    isMagic: false,
    // No worker that may be running is to take it.
    isReady: false,
    isAlone: false,
    deadline: new Date(createdAt.getTime() + 20_000),
    transactionId: null,
    transactionHash: null,
    position: null,
    blockNumber: null,
    blockHash: null,
    gasWei: 0n,
    grantedAt: null,
    grantedRequest: null,
    grantKey: null,
    releasedAt: null,
    createdAt,
    settledAt: null,
    request: '{}',
    ...overrides,
  }
}

/** Writes one settlement straight into the table, without an event. */
export async function insertSettlement(
  databaseUrl: string,
  overrides: Partial<StoredSettlement> & { tenantId: string },
): Promise<StoredSettlement> {
  const row = settlementRow(overrides)
  const columns = Object.keys(row).map(snakeCase)
  const places = columns.map((_, index) => `$${index + 1}`)
  const text = `INSERT INTO settlements (${columns.join(', ')}) VALUES (${places.join(', ')})`
  await queryDatabase(databaseUrl, text, Object.values(row).map(storable))
  return row
}

/** The transfer that paid a row: its own transaction's, or somebody else's. */
export async function insertUsedTransfer(
  databaseUrl: string,
  { network, transactionHash, id }: Pick<StoredSettlement, 'network' | 'transactionHash' | 'id'>,
): Promise<void> {
  const text = 'INSERT INTO used_transfers (network, transaction_hash, position, settlement_id) VALUES ($1, $2, 1, $3)'
  await queryDatabase(databaseUrl, text, [network, transactionHash, id])
}

type Change = Partial<StoredSettlement> & { transition: string }

/** Changes a settlement as the product does: its version grows, and the event is written with it. */
export async function changeSettlement(databaseUrl: string, id: string, { transition, ...change }: Change) {
  const columns = Object.keys(change).map((name, index) => `${snakeCase(name)} = $${index + 3}`)
  const text = `WITH changed AS (
      UPDATE settlements SET ${['version = version + 1', ...columns].join(', ')} WHERE id = $1 RETURNING *)
    INSERT INTO settlement_events
      (settlement_id, tenant_id, mode, version, transition, state, reason, transaction_hash, block_number)
    SELECT id, tenant_id, mode, version, $2, state, reason, transaction_hash, block_number FROM changed`
  await queryDatabase(databaseUrl, text, [id, transition, ...Object.values(change).map(storable)])
}

/** Writes an attempt that carries these settlements, on a transaction of its own. Gives its hash. */
export async function insertAttempt(
  databaseUrl: string,
  rows: readonly Pick<StoredSettlement, 'id' | 'network'>[],
  hash: string = randomHex(32),
): Promise<string> {
  const network = rows[0]?.network ?? `eip155:${LOCAL_CHAIN_ID}`
  const text = `WITH own AS (
      INSERT INTO chain_transactions (id, network, wallet, nonce, state) VALUES ($1, $2, $3, 0, 'open') RETURNING id
    ), attempt AS (
      INSERT INTO chain_attempts (network, hash, transaction_id, kind, raw, gas, max_fee_wei, tip_wei, fence)
      SELECT $2, $4, id, 'settle', '0x', 100000, 1, 1, 1 FROM own RETURNING network, hash
    )
    INSERT INTO attempt_members (network, hash, settlement_id)
    SELECT network, hash, unnest($5::text[]) FROM attempt`
  const transactionId = newId('transaction', Date.now())
  await queryDatabase(databaseUrl, text, [transactionId, network, randomHex(20), hash, rows.map(({ id }) => id)])
  return hash
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function storable(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
