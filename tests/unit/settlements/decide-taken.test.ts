import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { decideTaken } from '@/lib/settlements/decide-taken'
import type { Receipt, SettlementChain, SimulatedCall } from '@/lib/settlements/settlement-chain'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { Decision, Member, OpenTransaction, SettlerStore } from '@/lib/settlements/settler-store'
import { addressOf, aSettlement, BASE_SEPOLIA, NOW, nonceOf, paying, placed } from '@/tests/support/payment-rows'

const WALLET = addressOf(0xabc)
const OWN_HASH = nonceOf(0x0111)
const FINAL = { number: 90n, hash: nonceOf(90), timestampSeconds: NOW / 1_000 }

function openAt(nonce: bigint, ageMs: number): OpenTransaction {
  const createdAt = new Date(NOW - ageMs)
  const attempt = {
    gas: 1n,
    maxFeeWei: 1n,
    tipWei: 1n,
    raw: '0x01',
    hash: OWN_HASH,
    kind: 'settle',
    createdAt,
  } as const
  return {
    id: newId('transaction', NOW),
    network: BASE_SEPOLIA.id,
    wallet: WALLET,
    nonce,
    attempts: [attempt],
    createdAt,
  }
}

type World = {
  /** Transactions of the wallet up to the final block. */
  finalNonce?: bigint | AppError
  /** What the node knows of our own transaction the second time it is asked. */
  receipt?: Receipt | null
  /** Whose transaction used the member's authorization; null: it is unused. */
  usedBy?: `0x${string}` | null
}

function worldOf({ finalNonce = 8n, receipt = null, usedBy = null }: World = {}) {
  const member: Member = { ...aSettlement({ state: 'broadcast', transactionHash: OWN_HASH }), entered: 1 }
  const decisions: Decision[] = []
  const problems: string[] = []
  const asked: string[] = []
  const searches: { fromBlock: bigint; throughBlock?: bigint | undefined }[] = []
  const block = { number: 95n, hash: nonceOf(95), timestampSeconds: NOW / 1_000 }
  const found = (hash: `0x${string}`): Receipt => ({
    ...{ transactionHash: hash, blockNumber: 80n, blockHash: nonceOf(80), succeeded: true, feeWei: 1n, gasUsed: 1n },
    logs: placed(...paying(member)),
  })
  // Balance of the payer, use of the authorization, transfer.
  const words = [10n ** 9n, BigInt(usedBy !== null), 1n]
  const chain: Partial<SettlementChain> = {
    async finalNonce() {
      asked.push('finalNonce')
      if (finalNonce instanceof AppError) throw finalNonce
      return { nonce: finalNonce, block: FINAL }
    },
    receipts: async (_, hashes) => hashes.map((hash) => (hash === usedBy ? found(hash) : receipt)),
    simulate: async (_, calls: readonly SimulatedCall[]) => ({
      block: 95n,
      results: calls.map((_call, index) => ({ ok: true, gasUsed: 50_000n, word: words[index] ?? 0n, hasCode: false })),
    }),
    authorizationUses: async (_, { fromBlock, throughBlock }) => {
      searches.push({ fromBlock, throughBlock })
      return usedBy ? [usedBy] : []
    },
    head: async () => block,
    blocks: async (_, numbers) => numbers.map((number) => ({ ...block, number, hash: nonceOf(Number(number)) })),
  }
  const store: Partial<SettlerStore> = {
    membersOf: async () => [member],
    decide: async (decision) => decisions.push(decision) > 0,
  }
  const deps = {
    ...{ now: () => NOW, chain, store, network: BASE_SEPOLIA, signer: { address: WALLET } },
    onProblem: (message: string) => void problems.push(message),
  } as unknown as WalletDeps
  return { deps, decisions, problems, asked, searches, member }
}

describe('a nonce that a transaction of somebody else took', () => {
  it('is decided without a transaction of ours, and its members go on by themselves', async () => {
    const { deps, decisions, problems, member } = worldOf()
    const transaction = openAt(7n, 30_000)
    expect(await decideTaken(deps, [transaction])).toEqual(new Set([transaction.id]))
    const mined = { hash: null, blockNumber: 90n, blockHash: FINAL.hash, succeeded: false, feeWei: 0n }
    const outcomes = [{ row: member, outcome: { kind: 'again', isAlone: false }, gasWei: 0n }]
    expect(decisions).toEqual([{ transaction, mined, outcomes, entries: [], shares: [] }])
    expect(problems).toEqual([expect.stringContaining('taken by a transaction that is not ours')])
  })

  it('is not looked for while a transaction is young, for that would cost a request for every block', async () => {
    const { deps, asked, decisions } = worldOf()
    expect(await decideTaken(deps, [openAt(7n, 19_000)])).toEqual(new Set())
    expect([asked, decisions]).toEqual([[], []])
  })

  it('is taken only when that is final', async () => {
    const { deps, decisions } = worldOf({ finalNonce: 7n })
    expect(await decideTaken(deps, [openAt(7n, 30_000)])).toEqual(new Set())
    expect(decisions).toEqual([])
  })

  it('is not taken when our own transaction was mined between two questions', async () => {
    const own = {
      transactionHash: OWN_HASH,
      blockNumber: 90n,
      blockHash: FINAL.hash,
      succeeded: true,
      feeWei: 1n,
      gasUsed: 1n,
      logs: [],
    }
    const { deps, decisions } = worldOf({ receipt: own })
    expect(await decideTaken(deps, [openAt(7n, 30_000)])).toEqual(new Set())
    expect(decisions).toEqual([])
  })

  it('is not taken when a member was paid by our own bytes, whatever the node says of their receipt', async () => {
    const { deps, decisions } = worldOf({ usedBy: OWN_HASH })
    // Its log is there, and its receipt is not.
    deps.chain.receipts = async (_, hashes) => hashes.map(() => null)
    expect(await decideTaken(deps, [openAt(7n, 30_000)])).toEqual(new Set())
    expect(decisions).toEqual([])
  })

  it('and a member that somebody else has paid meanwhile is paid by that, with its entries', async () => {
    const stranger = nonceOf(0x0999)
    const { deps, decisions } = worldOf({ usedBy: stranger })
    expect((await decideTaken(deps, [openAt(7n, 30_000)])).size).toBe(1)
    expect(decisions[0]?.outcomes).toMatchObject([
      { outcome: { kind: 'other', transfer: { transactionHash: stranger } } },
    ])
    expect(decisions[0]?.entries).toHaveLength(2)
  })

  it('that cannot be read now is asked for again, and holds up nothing', async () => {
    const { deps, decisions, problems } = worldOf({ finalNonce: new AppError('rpc_unavailable') })
    expect(await decideTaken(deps, [openAt(7n, 30_000)])).toEqual(new Set())
    expect([decisions, problems]).toEqual([[], ['it could not be read whose a nonce is']])
  })

  it('is looked for in every block up to the final one, whatever a node that is behind says of its members', async () => {
    const { deps, searches, member, decisions } = worldOf()
    await decideTaken(deps, [openAt(7n, 30_000)])
    expect(searches).toEqual([{ fromBlock: member.seenUnusedBlock + 1n, throughBlock: FINAL.number }])
    expect(decisions).toHaveLength(1)
  })

  it('and one whose members cannot be read now holds up none of the others', async () => {
    const { deps, decisions, problems } = worldOf()
    const [bad, good] = [openAt(6n, 30_000), { ...openAt(7n, 30_000), id: newId('transaction', NOW + 1) }]
    const { membersOf } = deps.store
    deps.store.membersOf = async (id) => {
      if (id === bad.id) throw new AppError('database_unavailable')
      return membersOf(id)
    }
    expect(await decideTaken(deps, [bad, good])).toEqual(new Set([good.id]))
    expect(decisions).toHaveLength(1)
    expect(problems[0]).toBe('it could not be read whose a nonce is')
  })
})
