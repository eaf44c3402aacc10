import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { TenantId } from '@/lib/core/ids'
import { networkById } from '@/lib/networks/find-network'
import type { Network } from '@/lib/networks/networks'
import { transferEntries } from '@/lib/settlements/ledger'
import { type ReconcileDeps, reconcile } from '@/lib/settlements/reconcile'
import { discrepancy } from '@/lib/settlements/reconcile/classes'
import type { SettlementFacts, TransactionFacts } from '@/lib/settlements/reconcile/facts'
import { reportMarkdown } from '@/lib/settlements/reconcile/write-report'
import type { Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Block, Receipt } from '@/lib/settlements/settlement-chain'

const NETWORK = networkById('eip155:84532') as Network
const fill = (byte: string, bytes = 32): Hex => `0x${byte.repeat(bytes)}`
const [ASSET, PAYER, PAY_TO] = [fill('aa', 20), fill('bb', 20), fill('cc', 20)]
const BLOCK_HASH = fill('dd')
const block = (number: bigint): Block => ({ number, hash: BLOCK_HASH, timestampSeconds: 1_000 })
const wordOf = (address: Hex): Hex => `0x${'0'.repeat(24)}${address.slice(2)}`

const MINED = { transactionHash: fill('01'), position: 1, blockNumber: 7n, blockHash: BLOCK_HASH }
const ROW: Settlement = {
  id: 'set_1' as SettlementId,
  tenantId: 'ten_1' as TenantId,
  mode: 'test',
  x402Version: 2,
  network: NETWORK.id,
  requirementsHash: '',
  ...{ asset: ASSET, payer: PAYER, payTo: PAY_TO, amount: 10_000n, nonce: fill('ee') },
  ...{ validAfter: 0n, validBefore: 2_000n, callData: '0x' },
  ...{ state: 'mined', version: 0, reason: null, message: null, seenUnusedBlock: 1n, releasedAt: null },
  ...{ transactionHash: MINED.transactionHash, mined: MINED, isOtherFinal: false, grantedAt: null, grantKey: null },
  ...{ createdAt: new Date(1_000_000), settledAt: new Date(1_000_000) },
}
const FACTS: SettlementFacts = {
  settlement: ROW,
  ...{ position: 1, blockNumber: 7n, blockHash: BLOCK_HASH, rival: null, attempts: [MINED.transactionHash] },
  used: MINED,
  entries: transferEntries(ROW, MINED),
  events: [{ version: 0, state: 'mined', at: new Date(1_000_000) }],
}
const RECEIPT: Receipt = {
  ...{ transactionHash: MINED.transactionHash, blockNumber: 7n, blockHash: BLOCK_HASH },
  ...{ succeeded: true, gasUsed: 5n, feeWei: 5n },
  logs: [
    {
      address: ASSET,
      topics: ['0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5', wordOf(PAYER), ROW.nonce],
      data: '0x',
      position: 0,
    },
    {
      address: ASSET,
      topics: ['0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef', wordOf(PAYER), wordOf(PAY_TO)],
      data: `0x${10_000n.toString(16).padStart(64, '0')}`,
      position: 1,
    },
  ],
}

type World = {
  /** What each look at the database sees; the last of them again and again. */
  looks: SettlementFacts[]
  transactions: TransactionFacts[]
  receipt: () => Receipt
  head: bigint
  finalized: bigint
}

function depsOf(changes: Partial<World>) {
  const given: World = { looks: [FACTS], transactions: [], receipt: () => RECEIPT, head: 8n, finalized: 6n, ...changes }
  const slept: number[] = []
  let look = 0
  const none = async () => []
  const deps: ReconcileDeps = {
    now: () => 1_000_000,
    onProgress: () => undefined,
    sleep: async (ms) => slept.push(ms),
    store: {
      networks: async () => [NETWORK.id],
      count: async () => ({ settlements: 1, transactions: given.transactions.length }),
      settlements: async () => [given.looks[Math.min(look++, given.looks.length - 1)] as SettlementFacts],
      transactions: async () => given.transactions,
      missingRows: none,
      strayEntries: none,
      unbalanced: none,
      idleFlights: none,
      wallets: none,
      noncesFrom: none,
    },
    chain: {
      receipts: async (_, hashes) => hashes.map(given.receipt),
      blocks: async (_, numbers) => numbers.map(block),
      head: async () => block(given.head),
      finalized: async () => block(given.finalized),
      authorizationStates: async (_, all) => ({ block: block(given.head), used: all.map(() => false) }),
      authorizationUses: none,
      walletState: async () => ({ nonce: 0n, balanceWei: 0n }),
    },
  }
  return { deps, slept }
}

const run = (deps: ReconcileDeps) =>
  reconcile(deps, { networks: [NETWORK], span: { from: null, to: null }, openSeconds: 900, graceSeconds: 15 })
const classesOf = async (changes: Partial<World>) =>
  (await run(depsOf(changes).deps)).discrepancies.map(({ class: name }) => name)

describe('reconcile', () => {
  it('a row that is right passes, and nobody waits for a second look', async () => {
    const { deps, slept } = depsOf({})
    expect(await run(deps)).toMatchObject({ result: 'PASS', discrepancies: [] })
    expect(slept).toEqual([])
  })

  it('what differs only while its row changes is no finding: it is looked at again after the grace', async () => {
    const { deps, slept } = depsOf({ looks: [{ ...FACTS, used: null }, FACTS] })
    expect((await run(deps)).result).toBe('PASS')
    expect(slept).toEqual([15_000])
  })

  it('what differs otherwise at the second look was not seen twice', async () => {
    const changed = [
      { ...FACTS, used: null },
      { ...FACTS, entries: [] },
    ]
    expect(await classesOf({ looks: changed })).toEqual([])
  })

  it('fewer confirmations than the network needs are a finding', async () => {
    expect(await classesOf({ head: 6n })).toEqual(['mined_too_early'])
  })

  it('a receipt of a block that is not canonical is not believed', async () => {
    expect(await classesOf({ receipt: () => ({ ...RECEIPT, blockHash: fill('99') }) })).toEqual(['block_hash_wrong'])
  })

  it('a node that stumbles is asked again, and only one that stays away ends the run', async () => {
    let failures = 3
    const stumbling = () => {
      if (failures-- > 0) throw new AppError('rpc_unavailable')
      return RECEIPT
    }
    expect(await classesOf({ receipt: stumbling })).toEqual([])
    failures = 4
    await expect(run(depsOf({ receipt: stumbling }).deps)).rejects.toMatchObject({ code: 'rpc_unavailable' })
  })

  it('a transaction that is open for long is a finding', async () => {
    const open: TransactionFacts = {
      ...{ id: 'txn_1', wallet: fill('11', 20), nonce: 4n, isOpen: true, minedHash: null, blockNumber: null },
      ...{ blockHash: null, succeeded: null, feeWei: null, createdAt: new Date(0), gas: [], usedPositions: [] },
      attempts: [{ hash: fill('22'), kind: 'cancel', members: [] }],
    }
    expect(await classesOf({ transactions: [open] })).toEqual(['transaction_open_too_long'])
    expect(await classesOf({ transactions: [{ ...open, createdAt: new Date(500_000) }] })).toEqual([])
  })
})

describe('severity', () => {
  const of = (amount: bigint, whole: bigint) =>
    discrepancy('ledger_wrong_amount', { network: '', expected: '', found: '', concerned: { amount, of: whole } })
      .severity

  it.each([
    [499n, 10_000n, 'medium'],
    [500n, 10_000n, 'high'],
    [0n, 0n, 'medium'],
    [1n, 0n, 'high'],
    [10n ** 40n, 10n ** 41n, 'high'],
  ] as const)('%s of %s is %s: high begins at a twentieth of the amount', (amount, whole, severity) => {
    expect(of(amount, whole)).toBe(severity)
  })
})

describe('the report for people', () => {
  it('shows 200 findings, worst first, and says how many more there are', () => {
    const low = discrepancy('not_marked_final', { network: 'n', subject: 'mild', expected: 'e', found: 'f' })
    const high = discrepancy('row_missing', { network: 'n', subject: 'grave', expected: 'e', found: 'f' })
    const discrepancies = [...Array.from({ length: 200 }, () => low), high]
    const [startedAt, finishedAt] = [new Date(0), new Date(1_500)]
    const span = { from: new Date(0), to: null }
    const text = reportMarkdown({ result: 'FAIL', startedAt, finishedAt, span, networks: [], discrepancies })
    expect(text.match(/^### /gm)).toHaveLength(200)
    expect(text.indexOf('grave')).toBeLessThan(text.indexOf('mild'))
    expect(text).toContain('… and 1 more')
    expect(text).toContain('Rows created from 1970-01-01T00:00:00.000Z.')
  })
})
