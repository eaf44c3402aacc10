import { describe, expect, it } from 'vitest'
import { LeaseLost } from '@/lib/adapters/postgres/settler-sign'
import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { WalletRunner } from '@/lib/settlements/run-wallet'
import type { SettlementChain } from '@/lib/settlements/settlement-chain'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { Lease, OpenTransaction, SettlerStore, TransactionId } from '@/lib/settlements/settler-store'
import { type Sendings, watchOpen } from '@/lib/settlements/watch-open'
import { addressOf, aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

const MINUTE_MS = 60_000
const WALLET = addressOf(0xabc)
const LEASE: Lease = { network: BASE_SEPOLIA.id, wallet: WALLET, owner: 'me', fence: 1n }

const rawOf = (nonce: bigint, text: string): Hex => `0x${nonce.toString(16).padStart(4, '0')}${text}`

/** One attempt, a minute old. */
function openAt(nonce: bigint): OpenTransaction {
  const createdAt = new Date(NOW - MINUTE_MS)
  const fees = { gas: 60_000n, maxFeeWei: 10n, tipWei: 1n }
  const attempt = { ...fees, raw: rawOf(nonce, '01'), hash: nonceOf(0x100 + Number(nonce)), kind: 'settle', createdAt }
  const attempts = [attempt as OpenTransaction['attempts'][number]]
  return { id: newId('transaction', NOW + Number(nonce)), ...LEASE, nonce, attempts, createdAt }
}

type World = {
  deps: WalletDeps
  sent: Hex[]
  problems: { message: string; nonce: unknown }[]
  clock: { atMs: number }
  leases: number[]
}

/** A wallet whose transactions no block has yet; every part of it works, but for what a test breaks. */
function worldOf(open: readonly OpenTransaction[]): World {
  const sent: Hex[] = []
  const problems: World['problems'] = []
  const clock = { atMs: NOW }
  const leases: number[] = []
  const chain: Partial<SettlementChain> = {
    receipts: async (_, hashes) => hashes.map(() => null),
    fees: async () => ({ baseFeeWei: 1n, tipWei: 1n }),
    head: async () => ({ number: 120n, hash: nonceOf(1), timestampSeconds: NOW / 1_000 }),
    walletState: async () => ({ nonce: 0n, balanceWei: 1n }),
    finalNonce: async () => ({ nonce: 0n, block: { number: 90n, hash: nonceOf(2), timestampSeconds: NOW / 1_000 } }),
    broadcast: async (_, raw) => {
      sent.push(raw)
      return { kind: 'sent' }
    },
  }
  const store: Partial<SettlerStore> = {
    registerWallet: async () => undefined,
    lease: async () => ({ ...LEASE, fence: BigInt(leases.push(clock.atMs)) }),
    openTransactions: async () => [...open],
    membersOf: async () => [{ ...aSettlement({ state: 'broadcast' }), entered: 1 }],
    addAttempt: async (_, transaction, attempt) => ({
      ...transaction,
      attempts: [...transaction.attempts, { ...attempt, createdAt: new Date(NOW) }],
    }),
  }
  const deps: WalletDeps = {
    now: () => clock.atMs,
    chain: chain as SettlementChain,
    store: store as SettlerStore,
    network: BASE_SEPOLIA,
    limits: { feeCapWei: 1_000n, walletHourWei: 10n ** 18n },
    encodeBatch: () => ({ to: WALLET, data: '0x' }),
    signer: {
      address: WALLET,
      sign: async ({ nonce }) => ({ raw: rawOf(nonce, '02'), hash: nonceOf(0x200 + Number(nonce)) }),
    },
    onProblem: (message, { nonce }) => problems.push({ message, nonce }),
  }
  return { deps, sent, problems, clock, leases }
}

const away = async (): Promise<never> => {
  throw new AppError('database_unavailable')
}

/** What keeps the lowest nonce, and only that one, from being moved. */
const CAUSES: Record<string, (deps: WalletDeps, stuck: OpenTransaction) => WalletDeps> = {
  'whose fee cannot be read': (deps) => {
    const { fees } = deps.chain
    let asked = 0
    const failFirst: typeof fees = (network) => (++asked === 1 ? away() : fees(network))
    return { ...deps, chain: { ...deps.chain, fees: failFirst } }
  },
  'whose payments cannot be read': (deps, { id }) => {
    const { membersOf } = deps.store
    return { ...deps, store: { ...deps.store, membersOf: (of) => (of === id ? away() : membersOf(of)) } }
  },
  'that cannot be signed again': (deps, { nonce }) => {
    const { sign } = deps.signer
    return { ...deps, signer: { ...deps.signer, sign: (asked) => (asked.nonce === nonce ? away() : sign(asked)) } }
  },
  'whose new bytes cannot be stored': (deps, { id }) => {
    const { addAttempt } = deps.store
    const add: typeof addAttempt = (...asked) => (asked[1].id === id ? away() : addAttempt(...asked))
    return { ...deps, store: { ...deps.store, addAttempt: add } }
  },
}

/** The lowest has waited too long for its fee, the next was refused for its fee, the last was never sent. */
function threeOpen() {
  const [stuck, refused, unsent] = [openAt(7n), openAt(8n), openAt(9n)] as const
  const sendings: Sendings = new Map<TransactionId, { atMs: number; isRefused: 'underpriced' | null }>([
    [stuck.id, { atMs: NOW - MINUTE_MS, isRefused: null }],
    [refused.id, { atMs: NOW - MINUTE_MS, isRefused: 'underpriced' }],
  ])
  return { stuck, open: [stuck, refused, unsent], sendings }
}

const attemptsOf = (open: readonly OpenTransaction[]) => open.map(({ nonce, attempts }) => [nonce, attempts.length])

describe.each(Object.entries(CAUSES))('a stuck transaction %s', (_, breakDown) => {
  it('holds up none of those behind it, and is moved when that is possible again', async () => {
    const { stuck, open, sendings } = threeOpen()
    const { deps, sent, problems } = worldOf(open)
    const left = await watchOpen(breakDown(deps, stuck), LEASE, open, sendings)
    expect(sent).toEqual([rawOf(8n, '02'), rawOf(9n, '01')])
    expect(attemptsOf(left)).toEqual([
      [7n, 1],
      [8n, 2],
      [9n, 1],
    ])
    expect(problems).toEqual([{ message: expect.stringContaining('could not be moved'), nonce: '7' }])

    const later = await watchOpen(deps, LEASE, left, sendings)
    expect(sent.slice(2)).toEqual([rawOf(7n, '02')])
    expect(attemptsOf(later)).toEqual([
      [7n, 2],
      [8n, 2],
      [9n, 1],
    ])
  })
})

describe('a wallet that is another’s by now', () => {
  const lost = async (): Promise<never> => {
    throw new LeaseLost(LEASE)
  }

  it('ends the round at once: nothing behind the stuck transaction is sent', async () => {
    const { open, sendings } = threeOpen()
    const { deps, sent, problems } = worldOf(open)
    const broken = { ...deps, store: { ...deps.store, addAttempt: lost } }
    await expect(watchOpen(broken, LEASE, open, sendings)).rejects.toThrow(LeaseLost)
    expect(sent).toEqual([])
    expect(problems).toEqual([])
  })

  it('is asked for anew before anything else is sent with it', async () => {
    const { deps, sent, clock, leases } = worldOf([openAt(7n), openAt(8n)])
    const leasesAtAdding: number[] = []
    const addAttempt = () => {
      leasesAtAdding.push(leases.length)
      return lost()
    }
    const runner = new WalletRunner({ ...deps, store: { ...deps.store, addAttempt } }, 'me')
    await runner.watchRound()
    expect(sent).toEqual([rawOf(7n, '01'), rawOf(8n, '01')])

    // Less than the time after which a lease that is held is renewed.
    clock.atMs += 4_000
    await runner.watchRound()
    clock.atMs += 1
    await runner.watchRound()
    expect(sent).toHaveLength(2)
    expect(leasesAtAdding).toEqual([1, 2])
  })
})
