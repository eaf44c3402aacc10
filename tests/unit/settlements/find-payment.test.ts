import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import { findPayment } from '@/lib/settlements/find-payment'
import type { Settlement } from '@/lib/settlements/settlement'
import type { Block, Receipt } from '@/lib/settlements/settlement-chain'
import { network } from '@/tests/support/parsed-payment'
import {
  aSettlement,
  authorizationUsed,
  BASE_SEPOLIA,
  nonceOf,
  paying,
  placed,
  transfer,
} from '@/tests/support/payment-rows'

const POLYGON = network('eip155:137')
const HASH = nonceOf(0xfeed)
const blockHash = (number: bigint, branch = 0) => nonceOf(Number(number) * 10 + branch)

function receiptOf(logs: Receipt['logs'], changes: Partial<Receipt> = {}): Receipt {
  const blockNumber = changes.blockNumber ?? 105n
  const block = { blockNumber, blockHash: blockHash(blockNumber) }
  return { transactionHash: HASH, ...block, succeeded: true, gasUsed: 50_000n, feeWei: 1n, logs, ...changes }
}

type Given = {
  receipts?: (Receipt | null)[]
  head?: bigint
  on?: typeof BASE_SEPOLIA
  /** What the node says of the authorization when it has logged nothing. */
  isUsed?: boolean
  /** The node finds the log only when it is told how far to look. */
  isLate?: boolean
}

async function found(
  row: Settlement,
  { receipts = [], head = 120n, on = BASE_SEPOLIA, isUsed = true, isLate = false }: Given,
) {
  const asked: { fromBlock: bigint; throughBlock?: bigint }[] = []
  const blockAt = (number: bigint): Block => ({ number, hash: blockHash(number), timestampSeconds: 0 })
  const chain = {
    head: async () => blockAt(head),
    blocks: async (_: unknown, numbers: readonly bigint[]) => numbers.map((at) => (at <= head ? blockAt(at) : null)),
    receipts: async (_: unknown, hashes: readonly Hex[]) => hashes.map((_hash, index) => receipts[index] ?? null),
    authorizationUses: async (_: unknown, input: { fromBlock: bigint; throughBlock?: bigint }) => {
      asked.push(input)
      return isLate && input.throughBlock === undefined ? [] : receipts.map(() => HASH)
    },
    authorizationStates: async () => ({ block: blockAt(head), used: [isUsed] }),
  }
  return { found: await findPayment({ chain, network: on }, row), asked }
}

const row = aSettlement({ seenUnusedBlock: 100n })
const paid = placed(...paying(row))

describe('whoever used an authorization', () => {
  it('has paid when its transaction holds the exact pair of logs, and the search begins behind the block seen unused', async () => {
    const { asked, ...result } = await found(row, { receipts: [receiptOf(paid)] })
    expect(result.found).toEqual({
      transfer: { transactionHash: HASH, position: 1, blockNumber: 105n, blockHash: blockHash(105n) },
    })
    expect(asked).toEqual([{ asset: row.asset, payer: row.payer, nonce: row.nonce, fromBlock: 101n }])
  })

  it('has paid nobody when no transaction is found since then: what lies before was not made for this seller', async () => {
    const { asked, ...result } = await found(row, {})
    expect(result.found).toBe('none')
    expect(asked.at(-1)).toMatchObject({ fromBlock: 101n, throughBlock: 120n })
  })

  it('is waited for where the node that is asked is behind the one that saw the use', async () => {
    expect((await found(row, { isUsed: false })).found).toBe('too_young')
    expect((await found(row, { receipts: [receiptOf(paid)], isLate: true })).found).toBe('too_young')
  })

  it.each([
    ['a cancelled authorization', placed(authorizationUsed(row))],
    [
      'a transfer of nothing to himself',
      placed(authorizationUsed(row), transfer({ ...row, payTo: row.payer, amount: 0n })),
    ],
    ['a transfer to another seller', placed(...paying({ ...row, payTo: row.payer }))],
  ])('has paid nobody: %s', async (_, logs) => {
    expect((await found(row, { receipts: [receiptOf(logs)] })).found).toBe('none')
  })

  it('has not paid in a transaction that failed', async () => {
    expect((await found(row, { receipts: [receiptOf(paid, { succeeded: false })] })).found).toBe('none')
  })

  it('is waited for where the node has no receipt yet', async () => {
    expect((await found(row, { receipts: [null] })).found).toBe('too_young')
  })

  it.each([
    [5n, 109n, 'object'],
    [4n, 108n, 'string'],
  ])('counts at the network’s confirmations: %i on Polygon', async (_, head, kind) => {
    const result = await found(row, { receipts: [receiptOf(paid)], head, on: POLYGON })
    expect(typeof result.found).toBe(kind)
  })

  it('is waited for where its block is not on the chain: a node may show one before it is', async () => {
    const preview = receiptOf(paid, { blockHash: blockHash(105n, 1) })
    expect((await found(row, { receipts: [preview] })).found).toBe('too_young')
    const ahead = receiptOf(paid, { blockNumber: 121n })
    expect((await found(row, { receipts: [ahead] })).found).toBe('too_young')
  })
})
