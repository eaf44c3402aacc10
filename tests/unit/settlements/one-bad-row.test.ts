import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { decideTransaction } from '@/lib/settlements/decide-transaction'
import { GasRoom } from '@/lib/settlements/gas-room'
import type { Receipt, SettlementChain, SimulatedCall, SimulatedResult } from '@/lib/settlements/settlement-chain'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { Attempt, Decision, Lease, OpenTransaction, Ready, SettlerStore } from '@/lib/settlements/settler-store'
import { type SigningRound, signReady } from '@/lib/settlements/sign-ready'
import { watchFailed } from '@/lib/settlements/watch-failed'
import {
  aSettlement,
  authorizationUsed,
  BASE_SEPOLIA,
  NOW,
  nonceOf,
  placed,
  transfer,
} from '@/tests/support/payment-rows'

const HASH = nonceOf(0xfeed)
const BLOCK = { number: 120n, hash: nonceOf(1), timestampSeconds: NOW / 1_000 }
const LEASE: Lease = { network: BASE_SEPOLIA.id, wallet: '0xwallet', owner: 'me', fence: 1n }
const ROUND: SigningRound = {
  lease: LEASE,
  room: async () => new GasRoom([], 10n ** 18n),
  keep: () => undefined,
  send: async () => undefined,
}
const unreadable = async () => {
  throw new AppError('rpc_unavailable')
}

const AUTHORIZATION_STATE = '0xe94a0102'
const ok = (word: bigint): SimulatedResult => ({ ok: true, gasUsed: 40_000n, word, hasCode: false })

/** A chain on which these authorizations are used, and no log can be searched. */
function chainWith(used: ReadonlySet<string>): SettlementChain {
  const isUsed = ({ data }: SimulatedCall) => [...used].some((nonce) => data.endsWith(nonce.slice(2)))
  const answer = (call: SimulatedCall) => {
    if (!call.data.startsWith(AUTHORIZATION_STATE)) return ok(1_000_000n)
    return ok(isUsed(call) ? 1n : 0n)
  }
  const chain: Partial<SettlementChain> = {
    simulate: async (_, calls) => ({
      block: 119n,
      results: calls.map(answer),
    }),
    fees: async () => ({ baseFeeWei: 1n, tipWei: 1n }),
    head: async () => BLOCK,
    finalized: async () => BLOCK,
    blocks: async (_, numbers) => numbers.map((number) => ({ ...BLOCK, number })),
    authorizationUses: unreadable,
    authorizationStates: async (_, rows) => ({ block: BLOCK, used: rows.map(({ nonce }) => used.has(nonce)) }),
  }
  return chain as SettlementChain
}

function depsWith(chain: SettlementChain, store: Partial<SettlerStore>, problems: string[] = []): WalletDeps {
  return {
    now: () => NOW,
    chain,
    store: store as SettlerStore,
    network: BASE_SEPOLIA,
    limits: { feeCapWei: 1_000n, walletHourWei: 10n ** 18n },
    encodeBatch: () => ({ to: '0xbatch', data: '0x' }),
    signer: { address: '0xwallet', sign: async () => ({ raw: '0x', hash: HASH }) },
    onProblem: (message) => problems.push(message),
  }
}

describe('one payment that cannot be looked up', () => {
  it('keeps none of those taken with it from being signed, and waits by itself', async () => {
    const bad = aSettlement()
    const good = [aSettlement(), aSettlement()]
    const rows: Ready[] = [bad, ...good].map((row) => ({ ...row, isAlone: false }))
    const signed: string[] = []
    const putBack: string[] = []
    const problems: string[] = []
    const store: Partial<SettlerStore> = {
      takeReady: async () => rows,
      putBack: async (ids) => void putBack.push(...ids),
      sign: async ({ candidates }) => {
        signed.push(...candidates.map(({ row }) => row.id))
        return { transaction: null, signed: candidates.map(({ row }) => row), waiting: [], gone: [] }
      },
    }
    await signReady(depsWith(chainWith(new Set([bad.nonce])), store, problems), ROUND)
    expect(signed).toEqual(good.map(({ id }) => id))
    expect(putBack).toEqual([bad.id])
    expect(problems).toHaveLength(1)
  })

  it('keeps none of those that shared its transaction from being paid, and is watched', async () => {
    const [bad, good] = [aSettlement({ state: 'broadcast' }), aSettlement({ state: 'broadcast' })]
    const members = [bad, good].map((row) => ({ ...row, entered: 1 }))
    const decided: Decision[] = []
    const store: Partial<SettlerStore> = {
      membersOf: async () => members,
      decide: async (decision) => {
        decided.push(decision)
        return true
      },
    }
    const receipt: Receipt = {
      transactionHash: HASH,
      blockNumber: 118n,
      blockHash: nonceOf(2),
      succeeded: true,
      gasUsed: 1n,
      feeWei: 10n,
      logs: placed(authorizationUsed(good), transfer(good)),
    }
    const attempt = { hash: HASH, kind: 'settle' } as Attempt
    const open = { id: 'txn_1', wallet: '0xwallet', network: BASE_SEPOLIA.id, attempts: [attempt] } as unknown
    await decideTransaction(depsWith(chainWith(new Set([bad.nonce])), store), open as OpenTransaction, receipt)
    const outcomes = new Map(decided[0]?.outcomes.map(({ row, outcome }) => [row.id, outcome.kind]))
    expect(outcomes).toEqual(
      new Map([
        [good.id, 'mined'],
        [bad.id, 'failed'],
      ]),
    )
  })

  it('keeps none of those watched with it from their end', async () => {
    const past = BigInt(NOW / 1_000 - 60)
    const [bad, dead] = [aSettlement({ state: 'failed' }), aSettlement({ state: 'failed', validBefore: past })]
    const expired: string[] = []
    const store: Partial<SettlerStore> = {
      watched: async () => [bad, dead],
      expire: async ({ id }) => expired.push(id) > 0,
    }
    await watchFailed(depsWith(chainWith(new Set([bad.nonce])), store))
    expect(expired).toEqual([dead.id])
  })
})

describe('a transaction that the policy refuses', () => {
  it('waits, and those behind it are signed', async () => {
    const [refused, good] = [aSettlement(), aSettlement()]
    const rows: Ready[] = [good, refused].map((row) => ({ ...row, isAlone: row === refused }))
    const signed: string[] = []
    const putBack: string[] = []
    const store: Partial<SettlerStore> = {
      takeReady: async () => [rows[1] as Ready, { ...(rows[0] as Ready), isAlone: true }],
      putBack: async (ids) => void putBack.push(...ids),
      sign: async ({ candidates }) => {
        const ids = candidates.map(({ row }) => row.id)
        if (ids.includes(refused.id)) throw Object.assign(new Error('not listed'), { name: 'TransactionRefused' })
        signed.push(...ids)
        return { transaction: null, signed: candidates.map(({ row }) => row), waiting: [], gone: [] }
      },
    }
    await signReady(depsWith(chainWith(new Set()), store), ROUND)
    expect(signed).toEqual([good.id])
    expect(putBack).toEqual([refused.id])
  })
})
