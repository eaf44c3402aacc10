import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hex } from '@/lib/core/hex'
import type { SimulatedCall, SimulatedResult } from '@/lib/settlements/settlement-chain'
import type { Ready } from '@/lib/settlements/settler-store'
import { type Simulated, simulateReady } from '@/lib/settlements/simulate-ready'
import { addressOf, aSettlement, BASE_SEPOLIA, NOW } from '@/tests/support/payment-rows'

const NOW_SECONDS = BigInt(NOW / 1_000)
const BLOCK = 123n
const BALANCE_OF = '0x70a08231'
const AUTHORIZATION_STATE = '0xe94a0102'
const WALLET_GAS = BigInt(BASE_SEPOLIA.callGas.withCode)

const ready = (changes: Partial<Ready> = {}): Ready => ({ ...aSettlement(changes), isAlone: false, ...changes })

type World = {
  /** Of each payer, in atomic units; a million unless it is said. */
  balances?: Record<Hex, bigint>
  used?: readonly Ready[]
  /** Payers with code, by the gas that their wallet needs. */
  wallets?: Record<Hex, bigint>
  /** Payments that the token refuses though the money is there. */
  refuses?: readonly Ready[]
}

/** A token and its holders: calls are made in order, each upon what those before it changed. */
function chainOf(rows: readonly Ready[], { balances = {}, used = [], wallets = {}, refuses = [] }: World) {
  const asked: SimulatedCall[][] = []
  const rowOf = (isIts: (row: Ready) => boolean): Ready => {
    const row = rows.find(isIts)
    if (!row) throw new Error('a call for a payment that was not given')
    return row
  }
  const pay = (held: Map<Hex, bigint>, { data, gas }: SimulatedCall) => {
    const row = rowOf(({ callData }) => callData === data)
    const left = held.get(row.payer) ?? 0n
    const needed = wallets[row.payer] ?? 50_000n
    const isRefused = used.includes(row) || refuses.includes(row)
    if (isRefused || row.amount > left || needed > gas) return { ok: false, gasUsed: 20_000n, word: null }
    held.set(row.payer, left - row.amount)
    return { ok: true, gasUsed: needed, word: null }
  }
  const read = (held: Map<Hex, bigint>, { data, account }: SimulatedCall) => {
    if (data.startsWith(BALANCE_OF)) return held.get(account) ?? 0n
    return used.includes(rowOf(({ nonce }) => data.endsWith(nonce.slice(2)))) ? 1n : 0n
  }
  const simulate = async (_: unknown, calls: readonly SimulatedCall[]) => {
    asked.push([...calls])
    const held = new Map(rows.map(({ payer }) => [payer, balances[payer] ?? 1_000_000n]))
    const results = calls.map((call): SimulatedResult => {
      const isRead = call.data.startsWith(BALANCE_OF) || call.data.startsWith(AUTHORIZATION_STATE)
      const result = isRead ? { ok: true, gasUsed: 2_000n, word: read(held, call) } : pay(held, call)
      return { ...result, hasCode: call.account in wallets }
    })
    return { block: BLOCK, results }
  }
  return { chain: { simulate }, asked }
}

let made = 0
const own = (changes: Partial<Ready> = {}) =>
  ready({ callData: `0xe3ee160e${(++made).toString(16).padStart(8, '0')}`, ...changes })

async function simulated(rows: readonly Ready[], world: World = {}) {
  const { chain, asked } = chainOf(rows, world)
  const result = await simulateReady({ chain, network: BASE_SEPOLIA, nowSeconds: NOW_SECONDS }, rows)
  return { result, asked, ids: idsOf(result) }
}

const idsOf = ({ candidates, used, refused, waiting, alone }: Simulated) => ({
  candidates: candidates.map(({ row }) => row.id),
  used: used.map(({ id }) => id),
  refused: refused.map(({ row, refusal }) => [row.id, refusal.reason]),
  waiting: waiting.map(({ id }) => id),
  alone: alone.map(({ id }) => id),
})
const none = { candidates: [], used: [], refused: [], waiting: [], alone: [] }

describe('what is ready is simulated again', () => {
  it('and goes on with its gas and its payer’s balance at the simulated block', async () => {
    const row = own()
    const { result } = await simulated([row], { balances: { [row.payer]: 77_000n } })
    expect(result.block).toBe(BLOCK)
    expect(result.candidates).toEqual([{ row, balance: 77_000n, gasUsed: 50_000n, hasCode: false }])
  })

  it('all in one call, upon one state', async () => {
    const { asked } = await simulated(Array.from({ length: 20 }, () => own()))
    expect(asked).toHaveLength(1)
  })

  it('and one whose authorization is used is told apart, for it may be paid', async () => {
    const row = own()
    expect((await simulated([row], { used: [row] })).ids).toEqual({ ...none, used: [row.id] })
  })

  it('and one that ends before it could be mined is refused, without asking the chain', async () => {
    const row = own({ validBefore: NOW_SECONDS + 5n })
    const { ids, asked } = await simulated([row])
    expect(ids).toEqual({ ...none, refused: [[row.id, 'invalid_exact_evm_payload_authorization_valid_before']] })
    expect(asked).toEqual([])
  })

  it('and one that ends just late enough goes on', async () => {
    const row = own({ validBefore: NOW_SECONDS + 6n })
    expect((await simulated([row])).ids).toEqual({ ...none, candidates: [row.id] })
  })

  it('and a drained payer is refused with what he holds and what is needed', async () => {
    const row = own({ amount: 500n })
    const { result, ids } = await simulated([row], { balances: { [row.payer]: 499n } })
    expect(ids).toEqual({ ...none, refused: [[row.id, 'invalid_exact_evm_insufficient_balance']] })
    expect(result.refused[0]?.refusal.message).toMatch(/499 .* 500/)
  })

  it('and one that the token refuses for another cause, such as a blacklist or a pause, is refused as that', async () => {
    const row = own()
    expect((await simulated([row], { refuses: [row] })).ids).toEqual({
      ...none,
      refused: [[row.id, 'invalid_exact_evm_transaction_simulation_failed']],
    })
  })
})

describe('several payments of one payer', () => {
  const payer = addressOf(0x5e11e7)
  const three = () => [1, 2, 3].map(() => own({ payer, amount: 400n }))

  it('go together as far as the money goes; the next one waits and is not refused', async () => {
    const rows = three()
    const [first, second, third] = rows.map(({ id }) => id)
    const { ids } = await simulated(rows, { balances: { [payer]: 800n } })
    expect(ids).toEqual({ ...none, candidates: [first, second], waiting: [third] })
  })

  it('of which one is larger than all his money: that one is refused, the others go', async () => {
    const [first, second] = three() as [Ready, Ready]
    const large = own({ payer, amount: 10_000n })
    const { ids } = await simulated([first, large, second], { balances: { [payer]: 900n } })
    expect(ids.candidates).toEqual([first.id, second.id])
    expect(ids.refused).toEqual([[large.id, 'invalid_exact_evm_insufficient_balance']])
  })

  it('in two tokens have two balances', async () => {
    const rows = [own({ payer, amount: 400n }), own({ payer, amount: 400n, asset: addressOf(0x99) })]
    expect((await simulated(rows, { balances: { [payer]: 800n } })).ids.candidates).toHaveLength(2)
  })

  it('never pass with more together than he holds', async () => {
    const amounts = fc.array(fc.bigInt({ min: 1n, max: 1_000n }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(amounts, fc.bigInt({ min: 0n, max: 3_000n }), async (given, balance) => {
        const rows = given.map((amount) => own({ payer, amount }))
        const { result } = await simulated(rows, { balances: { [payer]: balance } })
        const sum = result.candidates.reduce((total, { row }) => total + row.amount, 0n)
        expect(sum).toBeLessThanOrEqual(balance)
        const { candidates, refused, waiting } = result
        expect(candidates.length + refused.length + waiting.length).toBe(rows.length)
        for (const { row } of refused) expect(row.amount).toBeGreaterThan(balance)
      }),
      { numRuns: 50 },
    )
  })
})

describe('a payer that has code', () => {
  it('is seen upon the simulated state, whatever was known of him before', async () => {
    const row = own()
    const { result } = await simulated([row], { wallets: { [row.payer]: 60_000n } })
    expect(result.candidates).toMatchObject([{ hasCode: true, gasUsed: 60_000n }])
  })

  it('and needs more gas than an account is to be tried alone', async () => {
    const [row, other] = [own(), own()]
    const { result, ids } = await simulated([row, other], { wallets: { [row.payer]: 700_000n } })
    expect(ids).toEqual({ ...none, candidates: [other.id], alone: [row.id] })
    expect(result.alone[0]?.isAlone).toBe(true)
  })

  it('has all that one payment may use when he is alone', async () => {
    const row = own({ isAlone: true })
    const { result, asked } = await simulated([row], { wallets: { [row.payer]: 700_000n } })
    expect(result.candidates).toMatchObject([{ hasCode: true, gasUsed: 700_000n }])
    expect(asked[0]?.at(-1)?.gas).toBe(WALLET_GAS)
  })

  it('and needs more than that is refused', async () => {
    const row = own({ isAlone: true })
    const { ids } = await simulated([row], { wallets: { [row.payer]: WALLET_GAS + 1n } })
    expect(ids).toEqual({ ...none, refused: [[row.id, 'invalid_exact_evm_transaction_simulation_failed']] })
  })
})

it('of nothing nothing is asked', async () => {
  const { result, asked } = await simulated([])
  expect([idsOf(result), asked]).toEqual([none, []])
})
