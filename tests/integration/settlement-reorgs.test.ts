import { Pool } from 'pg'
import { afterAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { createSettlerStore } from '@/lib/adapters/postgres/settler-store'
import type { Hex } from '@/lib/core/hex'
import type { SettlementChain } from '@/lib/settlements/settlement-chain'
import { watchFinal } from '@/lib/settlements/watch-final'
import { queryDatabase } from '@/tests/support/database'
import { BASE_SEPOLIA, nonceOf } from '@/tests/support/payment-rows'
import { insertAttempt, insertSettlement, insertUsedTransfer, randomHex } from '@/tests/support/settlements'
import { createDatabase } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'

const { postgresUrl } = inject('service')
const NETWORK = BASE_SEPOLIA.id
/** Far more than one look takes at either end. */
const MANY = 1_000
const FIRST_BLOCK = 5_001

let databaseUrl: string
let pool: Pool
const pools: Pool[] = []

beforeEach(async () => {
  databaseUrl = await createDatabase(postgresUrl)
  pool = new Pool({ connectionString: databaseUrl, max: 2 })
  pools.push(pool)
})
afterAll(() => Promise.all(pools.map((each) => each.end())))

const blockHash = (number: bigint): Hex => nonceOf(Number(number))

/** Decided transactions without members, one in each block, none of them final. */
async function decided(count: number): Promise<void> {
  await pool.query(
    `INSERT INTO chain_transactions (id, network, wallet, nonce, state, mined_hash, block_number, block_hash, succeeded, fee_wei)
     SELECT 'txn_' || block, $1, '0xwallet', block, 'decided', '0x' || block, block, '0x' || lpad(to_hex(block), 64, '0'), true, 1
     FROM generate_series($2::int, $2::int + $3::int - 1) AS block`,
    [NETWORK, FIRST_BLOCK, count],
  )
}

/** A settlement that was paid by a transaction of ours in this block, with that transaction. */
async function paidIn(blockNumber: bigint): Promise<string> {
  const { tenantId } = await createTenantWithKey(databaseUrl)
  const transactionHash = randomHex(32)
  const mined = { transactionHash, position: 1, blockNumber, blockHash: blockHash(blockNumber) }
  const row = await insertSettlement(databaseUrl, { tenantId, network: NETWORK, state: 'mined', ...mined })
  await insertAttempt(databaseUrl, [row], transactionHash)
  await insertUsedTransfer(databaseUrl, row)
  await queryDatabase(
    databaseUrl,
    `WITH own AS (
       UPDATE chain_transactions SET state = 'decided', mined_hash = $1, block_number = $2, block_hash = $3, fee_wei = 1
       WHERE id = (SELECT transaction_id FROM chain_attempts WHERE hash = $1) RETURNING id)
     UPDATE settlements SET transaction_id = own.id FROM own WHERE settlements.id = $4`,
    [transactionHash, blockNumber, mined.blockHash, row.id],
  )
  return row.id
}

/** A chain on which these blocks have another one in their place. */
function chainWithout(gone: readonly bigint[], finalized: bigint): SettlementChain {
  const block = (number: bigint) => ({ number, hash: blockHash(number), timestampSeconds: 0 })
  const chain: Partial<SettlementChain> = {
    finalized: async () => block(finalized),
    blocks: async (_, numbers) =>
      numbers.map((number) => (gone.includes(number) ? { ...block(number), hash: randomHex(32) } : block(number))),
  }
  return chain as SettlementChain
}

async function watch(chain: SettlementChain): Promise<unknown[]> {
  const problems: unknown[] = []
  const onProblem = (_: string, details: Record<string, unknown>) => problems.push(details['block'])
  await watchFinal({ chain, store: createSettlerStore(pool), network: BASE_SEPOLIA, onProblem })
  return problems
}

async function count(where: string): Promise<number | undefined> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM chain_transactions WHERE ${where}`,
  )
  return rows[0]?.count
}

describe('more decided transactions than one look takes', () => {
  it('hide no reorganisation: the newest, whose block is gone, is taken back at the first look', async () => {
    await decided(MANY)
    const newest = BigInt(FIRST_BLOCK + MANY)
    const id = await paidIn(newest)
    expect(await watch(chainWithout([newest], 0n))).toEqual([newest.toString()])
    const [row] = await queryDatabase(
      databaseUrl,
      `SELECT state, block_hash, (SELECT count(*)::int FROM used_transfers) AS transfers,
         (SELECT string_agg(transition, ' ' ORDER BY version) FROM settlement_events WHERE settlement_id = $1) AS told
       FROM settlements WHERE id = $1`,
      [id],
    )
    expect(row).toEqual({ state: 'broadcast', block_hash: null, transfers: 0, told: 'reorg resume' })
    expect(await count(`state = 'open'`)).toBe(1)
  })

  it('keep none of the oldest from becoming final, nor one of them from being taken back', async () => {
    await decided(MANY)
    const [gone, finalized] = [BigInt(FIRST_BLOCK + 2), BigInt(FIRST_BLOCK + 9)]
    expect(await watch(chainWithout([gone], finalized))).toEqual([gone.toString()])
    expect(await count('is_final')).toBe(9)
    expect(await count(`state = 'open' AND id = 'txn_${gone}'`)).toBe(1)
    expect(await count(`state = 'decided'`)).toBe(MANY - 1)
  })
})

describe('a look at what is not final yet', () => {
  const blocksOf = (rows: readonly { blockNumber: bigint }[]) =>
    rows.map(({ blockNumber }) => Number(blockNumber) - FIRST_BLOCK)

  it('takes transactions from both ends, and each of them once', async () => {
    await decided(5)
    const store = createSettlerStore(pool)
    expect(blocksOf(await store.unfinal(NETWORK, 2))).toEqual([0, 1, 3, 4])
    expect(blocksOf(await store.unfinal(NETWORK, 4))).toEqual([0, 1, 2, 3, 4])
    expect(await store.unfinal('eip155:1', 2)).toEqual([])
  })

  it('takes payments that somebody else made from both ends, and each of them once', async () => {
    const { tenantId } = await createTenantWithKey(databaseUrl)
    for (const index of [3, 0, 4, 1, 2]) {
      const blockNumber = BigInt(FIRST_BLOCK + index)
      const mined = { transactionHash: randomHex(32), position: 1, blockNumber, blockHash: blockHash(blockNumber) }
      await insertSettlement(databaseUrl, { tenantId, network: NETWORK, state: 'settled_by_other', ...mined })
    }
    const others = async (most: number) =>
      (await createSettlerStore(pool).unfinalOthers(NETWORK, most)).flatMap(({ mined }) => (mined ? [mined] : []))
    expect(blocksOf(await others(2))).toEqual([0, 1, 3, 4])
    expect(blocksOf(await others(4))).toEqual([0, 1, 2, 3, 4])
  })
})
