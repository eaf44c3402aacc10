import { describe, expect, it } from 'vitest'
import { SECOND_MS } from '@/lib/core/clock'
import { ETHER, OFFER_WEI, openAt, readyRow, readyRows, setUpWallet } from '@/tests/support/wallet-world'

const payersOf = (rows: readonly { payer: `0x${string}` }[]) => new Set(rows.map(({ payer }) => payer))
const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id)
/** What an offer of so much gas comes to, and the fifth beside it that a wallet keeps. */
const balanceFor = (gas: bigint) => (gas * OFFER_WEI * 5n) / 4n

describe('a wallet that cannot pay', () => {
  it.each([
    ['accounts', readyRows(3)],
    ['contract wallets', readyRows(3, { isAlone: true })],
  ])('for %s signs nothing, leaves them to others at once, and says so', async (_, rows) => {
    const { runner, signed, waiting, problems } = setUpWallet({ rows, balanceWei: 0n, wallets: payersOf(rows) })
    expect(await runner.signRound()).toBe('some')
    expect([signed, waiting()]).toEqual([[], idsOf(rows)])
    expect(problems).toEqual([expect.stringContaining('a wallet can pay for no transaction')])
  })

  it('does not go through the whole queue, and looks again after a second', async () => {
    const { runner, waiting, clock } = setUpWallet({ rows: readyRows(450, { isAlone: true }), balanceWei: 0n })
    await runner.signRound()
    expect([await runner.signRound(), waiting().length]).toEqual(['none', 450])
    clock.ms += SECOND_MS
    expect([await runner.signRound(), waiting().length]).toEqual(['all_it_takes', 450])
  })

  it('for all of them signs the first that it can pay for, by all that they may cost', async () => {
    const rows = readyRows(50)
    const { runner, members, waiting, offeredWei } = setUpWallet({ rows, balanceWei: balanceFor(1_000_000n) })
    await runner.signRound()
    expect(offeredWei()).toBeLessThanOrEqual(1_000_000n * OFFER_WEI)
    expect(offeredWei()).toBeGreaterThan(800_000n * OFFER_WEI)
    expect([...members(), ...waiting()]).toEqual(idsOf(rows))
  })

  it.each([
    ['the dearest of their attempts', [{ gas: 8_000_000n }, { gas: 30_000n }]],
    ['whichever came last', [{ gas: 30_000n }, { gas: 8_000_000n }]],
  ])('beside what is open pays for nothing more: by %s', async (_, gas) => {
    const attempts = gas.map((one) => ({ ...one, maxFeeWei: OFFER_WEI }))
    const leftOpen = [openAt(0n, attempts)]
    const { runner, signed } = setUpWallet({ rows: readyRows(1), leftOpen, balanceWei: balanceFor(8_050_000n) })
    await runner.signRound()
    expect(signed).toEqual([])
  })
})

describe('within one round', () => {
  it('what is offered does not pass the spend cap', async () => {
    const rows = readyRows(200, { isAlone: true })
    const spentWei = 1_300_000n * OFFER_WEI
    const walletHourWei = 5n * spentWei
    const { runner, signed, offeredWei } = setUpWallet({ rows, wallets: payersOf(rows), walletHourWei, spentWei })
    await runner.signRound()
    expect(signed.length).toBeGreaterThan(0)
    expect(offeredWei()).toBeLessThanOrEqual(walletHourWei - spentWei)
  })

  it('and in those after it no more than 16 transactions are open; what is left waits for any wallet', async () => {
    const rows = readyRows(200, { isAlone: true })
    const { runner, signed, waiting, clock, problems } = setUpWallet({ rows, wallets: payersOf(rows) })
    await runner.signRound()
    expect([signed.length, waiting().length]).toEqual([16, 184])
    clock.ms += 10 * SECOND_MS
    expect([await runner.signRound(), signed.length, problems]).toEqual(['none', 16, []])
  })

  it('what the holder before has left open counts', async () => {
    const leftOpen = Array.from({ length: 15 }, (_, nonce) => openAt(BigInt(nonce), [{ gas: 1n, maxFeeWei: 1n }]))
    const { runner, signed } = setUpWallet({ rows: readyRows(40, { isAlone: true }), leftOpen })
    await runner.signRound()
    expect(signed).toHaveLength(1)
  })

  it('all that was signed is sent, in the order of the nonces', async () => {
    const { runner, signed, sent } = setUpWallet({ rows: readyRows(200) })
    await runner.signRound()
    expect(signed.length).toBeGreaterThan(1)
    expect(sent).toEqual(signed.map(({ attempt }) => attempt.raw))
    expect(signed.map(({ nonce }) => nonce)).toEqual(signed.map((_, index) => BigInt(index)))
  })
})

describe('what was taken and not signed is there again', () => {
  it('a second later, when the chain cannot be read', async () => {
    const rows = [...readyRows(2), readyRow({ isAlone: true })]
    const { runner, waiting, clock } = setUpWallet({ rows, unreadable: payersOf(rows) })
    expect(await runner.signRound()).toBe('failed')
    expect(waiting()).toEqual([])
    clock.ms += SECOND_MS
    expect(waiting()).toEqual(idsOf(rows))
  })

  it('a second later, when the database fails at one of several transactions; those before it are sent', async () => {
    const shared = readyRows(100)
    const alone = [readyRow({ isAlone: true }), readyRow()]
    const rows = [...shared, ...alone]
    const unsignable = payersOf(shared.slice(-1))
    const { runner, members, sent, waiting, clock } = setUpWallet({ rows, unsignable, wallets: payersOf(alone) })
    expect(await runner.signRound()).toBe('failed')
    expect(sent).toHaveLength(1)
    expect(members().length).toBeGreaterThan(50)
    clock.ms += SECOND_MS
    expect([...members(), ...waiting()]).toEqual(idsOf(rows))
  })

  it('a second later, when it fails at one of those that go alone', async () => {
    const rows = readyRows(8, { isAlone: true })
    const unsignable = payersOf(rows.slice(1, 2))
    const { runner, members, waiting, clock } = setUpWallet({ rows, unsignable, wallets: payersOf(rows) })
    await runner.signRound()
    expect(members()).toEqual(idsOf(rows.slice(0, 1)))
    clock.ms += SECOND_MS
    expect(waiting()).toEqual(idsOf(rows.slice(1)))
  })

  it('soon, when its payer’s money is in another payment, of this round or in flight', async () => {
    const { payer } = readyRow()
    const rows = [readyRow({ payer, amount: 600n }), readyRow({ payer, amount: 600n }), readyRow()]
    const inFlight = payersOf(rows.slice(2))
    const { runner, members, waiting, clock } = setUpWallet({ rows, held: { [payer]: 1_000n }, inFlight })
    await runner.signRound()
    expect([members(), waiting()]).toEqual([idsOf(rows.slice(0, 1)), []])
    clock.ms += SECOND_MS / 2
    expect(waiting()).toEqual(idsOf(rows.slice(1)))
  })
})

describe('contract wallets', () => {
  it('that failed among others are simulated one by one, after the others were sent', async () => {
    const [plain, known, found] = [readyRow(), readyRow({ isAlone: true }), readyRow()]
    const { runner, simulations, events } = setUpWallet({
      ...{ rows: [known, plain, found], wallets: payersOf([known, found]) },
    })
    await runner.signRound()
    expect(simulations).toEqual([[plain.payer, found.payer], [known.payer], [found.payer]])
    expect(events.slice(0, 3)).toEqual(['simulate 2', 'sign 0', 'send 0'])
    expect(events.slice(3).sort()).toEqual(['send 1', 'send 2', 'sign 1', 'sign 2', 'simulate 1', 'simulate 1'])
  })

  it('of which one cannot be simulated keeps none of the others', async () => {
    const rows = readyRows(2, { isAlone: true })
    const unreadable = payersOf(rows.slice(0, 1))
    const { runner, members, clock, waiting } = setUpWallet({ rows, wallets: payersOf(rows), unreadable })
    await runner.signRound()
    expect(members()).toEqual(idsOf(rows.slice(1)))
    clock.ms += SECOND_MS
    expect(waiting()).toEqual(idsOf(rows.slice(0, 1)))
  })

  it('are signed with the gas that they need', async () => {
    const row = readyRow()
    const { runner, signed } = setUpWallet({ rows: [row], wallets: payersOf([row]), balanceWei: ETHER })
    await runner.signRound()
    expect(signed[0]?.attempt.gas).toBeGreaterThan(900_000n)
  })
})
