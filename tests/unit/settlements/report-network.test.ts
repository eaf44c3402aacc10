import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { PAUSES, type ReportDeps, reportNetwork } from '@/lib/settlements/report-network'
import type { NetworkReport, SettlerStore } from '@/lib/settlements/settler-store'
import { addressOf, BASE_SEPOLIA, NOW } from '@/tests/support/payment-rows'

const GWEI = 10n ** 9n
/** 55,000 gas at 1 gwei base fee and 1 gwei tip. */
const PRICE = 110_000n * GWEI
const [ONE, TWO] = [addressOf(0x0e), addressOf(0x70)]

type World = {
  /** Balance and wei spent within the hour, by wallet. */
  wallets?: Record<Hex, [balance: bigint, spent: bigint]>
  baseFeeWei?: bigint
  fails?: Error
  queue?: Awaited<ReturnType<SettlerStore['queueState']>>
}

async function report({ wallets = {}, baseFeeWei = GWEI, fails, queue }: World) {
  const written: NetworkReport[] = []
  const fail = () => {
    if (fails) throw fails
  }
  const chain = {
    fees: async () => {
      fail()
      return { baseFeeWei, tipWei: baseFeeWei === 0n ? 0n : GWEI }
    },
    walletState: async (_: unknown, wallet: Hex) => ({ nonce: 0n, balanceWei: wallets[wallet]?.[0] ?? 0n }),
  }
  const store = {
    queueState: async () => queue ?? { waiting: 0, oldestSeconds: 0, open: 0, oldestOpenSeconds: 0, stuckNonces: [] },
    spentThisHour: async (_: string, wallet: Hex) => wallets[wallet]?.[1] ?? 0n,
    report: async (_: string, made: NetworkReport) => void written.push(made),
  }
  const deps = {
    now: () => NOW,
    ...{ chain, store, network: BASE_SEPOLIA, wallets: Object.keys(wallets) as Hex[] },
    limits: { feeCapWei: 200n * GWEI, walletHourWei: 10n ** 17n },
    lowSettlements: 100,
  } as unknown as ReportDeps
  const made = await reportNetwork(deps)
  expect(written).toEqual([made])
  return made
}

describe('what the worker says of a network', () => {
  it('with gas in a wallet: it can settle, and for how many payments the gas lasts', async () => {
    expect(await report({ wallets: { [ONE]: [1_000n * PRICE + 1n, 5n] } })).toEqual({
      problem: null,
      wallets: [
        {
          address: ONE,
          balanceWei: (1_000n * PRICE + 1n).toString(),
          settlementsLeft: 1_000,
          isLow: false,
          spentThisHourWei: '5',
        },
      ],
      queue: { waiting: 0, oldestSeconds: 0 },
      open: { transactions: 0, oldestSeconds: 0 },
      stuckNonces: [],
      unattended: [],
    })
  })

  it.each([
    [100n, false],
    [99n, true],
    [0n, true],
  ])('a wallet with gas for %i payments is low: %s', async (payments, isLow) => {
    const { wallets } = await report({ wallets: { [ONE]: [payments * PRICE, 0n] } })
    expect(wallets[0]?.isLow).toBe(isLow)
  })

  it.each<[string, World, string]>([
    ['it has no wallet', {}, 'there is no wallet to pay the gas'],
    [
      'none has what a node wants it to have for a single payment',
      { wallets: { [ONE]: [0n, 0n], [TWO]: [4n * PRICE, 0n] } },
      'no wallet has money for gas',
    ],
    [
      'each would pass what it may spend',
      { wallets: { [ONE]: [10n ** 18n, 10n ** 17n - PRICE] } },
      'every wallet with money has spent what it may in an hour',
    ],
    [
      'one is empty and the other has spent what it may',
      { wallets: { [ONE]: [0n, 0n], [TWO]: [10n ** 18n, 10n ** 17n] } },
      'every wallet with money has spent what it may in an hour',
    ],
    [
      'gas costs more than we offer',
      { wallets: { [ONE]: [10n ** 20n, 0n] }, baseFeeWei: 201n * GWEI },
      'gas costs more than we offer',
    ],
  ])('where it cannot settle, why: %s', async (_, world, problem) => {
    expect((await report(world)).problem).toBe(problem)
  })

  it('one wallet that can settle is enough', async () => {
    const wallets = { [ONE]: [0n, 0n], [TWO]: [10n ** 18n, 0n] } satisfies World['wallets']
    expect((await report({ wallets })).problem).toBeNull()
  })

  it('too much spent or too dear is a pause; no gas is an outage', async () => {
    const spent = await report({ wallets: { [ONE]: [10n ** 18n, 10n ** 17n] } })
    const dear = await report({ wallets: { [ONE]: [10n ** 20n, 0n] }, baseFeeWei: 201n * GWEI })
    const empty = await report({ wallets: { [ONE]: [0n, 0n] } })
    expect([spent, dear, empty].map(({ problem }) => PAUSES.includes(problem ?? ''))).toEqual([true, true, false])
  })

  it('a chain that cannot be read is the problem, told without where it is', async () => {
    const fails = new AppError('rpc_unavailable', { cause: new Error('connect ECONNREFUSED 10.0.0.1') })
    const { problem } = await report({ wallets: { [ONE]: [1n, 0n] }, fails })
    expect(problem).toContain('could not be read')
    expect(problem).not.toContain('10.0.0.1')
    const unforeseen = await report({ wallets: { [ONE]: [1n, 0n] }, fails: new Error('http://user:secret@rpc') })
    expect(unforeseen.problem).not.toContain('secret')
  })

  it('a chain whose gas is free lasts as long as there is a wei', async () => {
    const { problem, wallets } = await report({ wallets: { [ONE]: [55_000n, 0n] }, baseFeeWei: 0n })
    expect([problem, wallets[0]?.settlementsLeft]).toEqual([null, 1])
  })

  it('the queue and what is open, and the nonces that have been so for more than a minute', async () => {
    const stuckNonces = [`${ONE}:0`, `${ONE}:1`]
    const queue = { waiting: 7, oldestSeconds: 3.5, open: 3, oldestOpenSeconds: 90, stuckNonces }
    const made = await report({ wallets: { [ONE]: [10n ** 18n, 0n] }, queue })
    expect(made).toMatchObject({
      queue: { waiting: 7, oldestSeconds: 3.5 },
      open: { transactions: 3, oldestSeconds: 90 },
      stuckNonces,
      unattended: [],
    })
  })

  it('names what is open with a wallet that is not ours, and calls none so because a node is away', async () => {
    const stuckNonces = [`${ONE}:0`, '0xgone:7']
    const queue = { waiting: 0, oldestSeconds: 0, open: 2, oldestOpenSeconds: 90, stuckNonces }
    for (const fails of [undefined, new Error('no node')]) {
      const made = await report({ wallets: { [ONE]: [10n ** 18n, 0n] }, queue, ...(fails && { fails }) })
      expect(made).toMatchObject({ stuckNonces, unattended: ['0xgone:7'] })
    }
  })
})
