import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { WalletRunner } from '@/lib/settlements/run-wallet'
import type { SimulatedCall } from '@/lib/settlements/settlement-chain'
import type { WalletDeps } from '@/lib/settlements/settler'
import type { NewAttempt, OpenTransaction, Ready, SettlerStore } from '@/lib/settlements/settler-store'
import { addressOf, aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

const GWEI = 10n ** 9n
const ETHER = 10n ** 18n
/** The first offer is twice the base fee and the tip. */
const OFFER_WEI = 3n * GWEI
const WALLET = addressOf(0x0e)

type World = {
  rows: readonly Ready[]
  balanceWei?: bigint
  /** Wei that the wallet may spend in an hour, and has spent. */
  walletHourWei?: bigint
  spentWei?: bigint
  /** Payers with code. */
  wallets?: ReadonlySet<string>
  /** What the holder of the wallet before has left open. */
  leftOpen?: readonly OpenTransaction[]
  /** Payers whose simulation cannot be read when they are alone. */
  unreadable?: ReadonlySet<string>
}

/** A queue, a chain and a signer; what was put back is ready again when its time has come. */
function setUp(world: World) {
  const { rows, balanceWei = ETHER, walletHourWei = ETHER, spentWei = 0n } = world
  let nowMs = NOW
  const queue = new Map(rows.map((row) => [row.id, { row, readyAtMs: NOW }]))
  const signed: { attempt: NewAttempt; rows: readonly Ready[] }[] = []
  const simulations: (readonly string[])[] = []
  const problems: string[] = []
  const sent: string[] = []
  let nonce = 0n
  const store: Partial<SettlerStore> = {
    registerWallet: async () => undefined,
    lease: async (network, wallet, owner) => ({ network, wallet, owner, fence: 1n }),
    openTransactions: async () => [...(world.leftOpen ?? [])],
    spentThisHour: async () => spentWei,
    async takeReady(_, most) {
      const due = [...queue.values()].filter(({ readyAtMs }) => readyAtMs <= nowMs).slice(0, most)
      for (const one of due) one.readyAtMs = Number.POSITIVE_INFINITY
      return due.map(({ row }) => row)
    },
    async putBack(ids, afterMs) {
      for (const one of queue.values()) if (ids.includes(one.row.id)) one.readyAtMs = nowMs + afterMs
    },
    async sign({ candidates, build }) {
      const taken = candidates.map(({ row }) => row)
      const attempt = await build(taken, nonce++)
      signed.push({ attempt, rows: taken })
      for (const { id } of taken) queue.delete(id)
      const attempts = [{ ...attempt, createdAt: new Date(nowMs) }]
      const transaction = {
        id: newId('transaction', nowMs),
        network: BASE_SEPOLIA.id,
        wallet: WALLET,
        nonce,
        attempts,
        createdAt: new Date(nowMs),
      }
      return { transaction, signed: taken, waiting: [], gone: [] }
    },
  }
  const simulate = async (_: unknown, calls: readonly SimulatedCall[]) => {
    const transfers = calls.filter(({ data }) => data.startsWith('0xe3ee160e'))
    simulations.push(transfers.map(({ account }) => account))
    if (transfers.length === 1 && world.unreadable?.has(transfers[0]?.account ?? ''))
      throw new AppError('rpc_unavailable')
    const results = calls.map(({ account, data, gas }) => {
      const hasCode = world.wallets?.has(account) ?? false
      const gasUsed = hasCode ? 900_000n : 50_000n
      const isTransfer = data.startsWith('0xe3ee160e')
      if (isTransfer) return { ok: gas >= gasUsed, gasUsed, word: null, hasCode }
      return { ok: true, gasUsed: 2_000n, word: data.startsWith('0x70a08231') ? ETHER : 0n, hasCode }
    })
    return { block: 100n, results }
  }
  const chain = {
    simulate,
    walletState: async () => ({ nonce: 0n, balanceWei }),
    fees: async () => ({ baseFeeWei: GWEI, tipWei: GWEI }),
    broadcast: async (_: unknown, raw: string) => {
      sent.push(raw)
      return { kind: 'sent' as const }
    },
  }
  const deps = {
    ...{ now: () => nowMs, chain, store, network: BASE_SEPOLIA },
    signer: { address: WALLET, sign: async () => ({ hash: nonceOf(signed.length), raw: `0x${signed.length}` }) },
    limits: { feeCapWei: 100n * GWEI, walletHourWei },
    encodeBatch: () => ({ to: addressOf(0x11), data: '0x' }),
    onProblem: (message: string) => problems.push(message),
  } as unknown as WalletDeps
  const runner = new WalletRunner(deps, 'me')
  const pass = (ms: number) => {
    nowMs += ms
  }
  const waiting = () => [...queue.values()].filter(({ readyAtMs }) => readyAtMs <= nowMs).map(({ row }) => row.id)
  const offeredWei = () => signed.reduce((sum, { attempt }) => sum + attempt.gas * attempt.maxFeeWei, 0n)
  return { runner, signed, sent, simulations, problems, pass, waiting, offeredWei }
}

let made = 0
const row = (changes: Partial<Ready> = {}): Ready => ({
  ...aSettlement({ callData: `0xe3ee160e${(++made).toString(16).padStart(800, '0')}`, ...changes }),
  isAlone: false,
  ...changes,
})
const some = (count: number, changes: Partial<Ready> = {}) => Array.from({ length: count }, () => row(changes))
const membersOf = (signed: readonly { rows: readonly Ready[] }[]) => signed.flatMap(({ rows }) => rows)

describe('a wallet that cannot pay', () => {
  it('signs nothing, leaves what waits to others at once, and says so', async () => {
    const { runner, signed, waiting, problems } = setUp({ rows: some(3), balanceWei: 0n })
    expect(await runner.signRound()).toBe('some')
    expect([signed, waiting().length]).toEqual([[], 3])
    expect(problems).toEqual([expect.stringContaining('a wallet can pay for no transaction')])
  })

  it('leaves them alone for a second, and looks again then', async () => {
    const { runner, waiting, pass } = setUp({ rows: some(3), balanceWei: 0n })
    await runner.signRound()
    expect(await runner.signRound()).toBe('none')
    pass(1_000)
    expect(await runner.signRound()).toBe('some')
    expect(waiting()).toHaveLength(3)
  })

  it('for all of them signs as many as it can pay for, by all that they may cost', async () => {
    const balanceWei = 1_000_000n * OFFER_WEI
    const { runner, signed, waiting, offeredWei } = setUp({ rows: some(50), balanceWei })
    await runner.signRound()
    expect(membersOf(signed).length).toBeGreaterThan(3)
    expect(offeredWei()).toBeLessThanOrEqual(balanceWei)
    expect(waiting()).toHaveLength(50 - membersOf(signed).length)
  })
})

describe('within one round', () => {
  it('what is offered does not pass the spend cap', async () => {
    const rows = some(200, { isAlone: true })
    const walletHourWei = 5n * 1_300_000n * OFFER_WEI
    const wallets = new Set(rows.map(({ payer }) => payer))
    const { runner, signed, offeredWei } = setUp({ rows, wallets, walletHourWei, spentWei: 1_300_000n * OFFER_WEI })
    await runner.signRound()
    expect(signed.length).toBeGreaterThan(0)
    expect(offeredWei()).toBeLessThanOrEqual(walletHourWei - 1_300_000n * OFFER_WEI)
  })

  it('no more than 16 transactions are open, whatever goes alone', async () => {
    const rows = some(200, { isAlone: true })
    const { runner, signed, sent } = setUp({ rows, wallets: new Set(rows.map(({ payer }) => payer)) })
    expect(await runner.signRound()).toBe('all_it_takes')
    expect([signed.length, sent.length]).toEqual([16, 16])
    expect(await runner.signRound()).toBe('none')
  })

  it('what the holder before has left open counts', async () => {
    const attempt = {
      hash: nonceOf(1),
      raw: '0x',
      kind: 'settle',
      gas: 1n,
      maxFeeWei: 1n,
      tipWei: 0n,
      createdAt: new Date(NOW),
    }
    const open = Array.from({ length: 15 }, (_, index) => ({
      ...{ id: newId('transaction', NOW + index), network: BASE_SEPOLIA.id, wallet: WALLET, nonce: BigInt(index) },
      ...{ attempts: [attempt], createdAt: new Date(NOW) },
    })) as unknown as OpenTransaction[]
    const { runner, signed } = setUp({ rows: some(40, { isAlone: true }), leftOpen: open })
    await runner.signRound()
    expect(signed).toHaveLength(1)
  })
})

describe('contract wallets', () => {
  it('that failed among others are simulated one by one, after the others were sent', async () => {
    const [plain, known, found] = [row(), row({ isAlone: true }), row()]
    const wallets = new Set([known.payer, found.payer])
    const { runner, signed, simulations } = setUp({ rows: [known, plain, found], wallets })
    await runner.signRound()
    expect(simulations).toEqual([[plain.payer, found.payer], [found.payer], [known.payer]])
    expect(signed.map(({ rows }) => rows.map(({ id }) => id))).toEqual([[plain.id], [found.id], [known.id]])
  })

  it('of which one cannot be simulated keeps none of the others', async () => {
    const [bad, good] = [row({ isAlone: true }), row({ isAlone: true })]
    const wallets = new Set([bad.payer, good.payer])
    const { runner, signed, pass, waiting } = setUp({ rows: [bad, good], wallets, unreadable: new Set([bad.payer]) })
    await runner.signRound()
    expect(membersOf(signed).map(({ id }) => id)).toEqual([good.id])
    pass(1_000)
    expect(waiting()).toEqual([bad.id])
  })
})
