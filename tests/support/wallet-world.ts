import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import { WalletRunner } from '@/lib/settlements/run-wallet'
import type { SettlementId } from '@/lib/settlements/settlement'
import type { SimulatedCall } from '@/lib/settlements/settlement-chain'
import type { WalletDeps } from '@/lib/settlements/settler'
import type {
  Attempt,
  NewAttempt,
  OpenTransaction,
  Ready,
  SettlerStore,
  SignInput,
} from '@/lib/settlements/settler-store'
import { addressOf, aSettlement, BASE_SEPOLIA, NOW, nonceOf } from './payment-rows'

const GWEI = 10n ** 9n
export const ETHER = 10n ** 18n
/** What a transaction offers for a unit of gas: twice the base fee, and the tip. */
export const OFFER_WEI = 3n * GWEI
const WALLET = addressOf(0x0e)
const TRANSFER = '0xe3ee160e'
const BALANCE_OF = '0x70a08231'

type World = {
  rows: readonly Ready[]
  balanceWei?: bigint
  /** Wei that the wallet may spend in an hour, and has spent. */
  walletHourWei?: bigint
  spentWei?: bigint
  /** Payers with code. */
  wallets?: ReadonlySet<Hex>
  /** What each payer holds, in atomic units; an ether unless it is said. */
  held?: Readonly<Record<Hex, bigint>>
  /** What the holder of the wallet before has left open. */
  leftOpen?: readonly OpenTransaction[]
  /** Payers whose simulation cannot be read. */
  unreadable?: ReadonlySet<Hex>
  /** Payers whose payment the database does not store. */
  unsignable?: ReadonlySet<Hex>
  /** Payers whose money other transactions hold. */
  inFlight?: ReadonlySet<Hex>
}

type Signed = { attempt: NewAttempt; rows: readonly Ready[]; nonce: bigint }

/** A wallet with a queue, a chain and a signer. What was put back is ready again when its time has come. */
export function setUpWallet(world: World) {
  const { rows, balanceWei = ETHER, walletHourWei = ETHER, spentWei = 0n } = world
  const clock = { ms: NOW }
  const queue = new Map(rows.map((row) => [row.id, { row, readyAtMs: NOW }]))
  const signed: Signed[] = []
  const simulations: (readonly Hex[])[] = []
  const [problems, sent, events]: [string[], string[], string[]] = [[], [], []]
  let nonce = 0n

  async function sign({ candidates, build }: SignInput) {
    const all = candidates.map(({ row }) => row)
    if (all.some(({ payer }) => world.unsignable?.has(payer))) throw new AppError('database_unavailable')
    const waiting = all.filter(({ payer }) => world.inFlight?.has(payer))
    const taken = all.filter((row) => !waiting.includes(row))
    if (taken.length === 0) return { transaction: null, signed: [], waiting, gone: [] }
    const attempt = await build(taken, nonce)
    signed.push({ attempt, rows: taken, nonce })
    events.push(`sign ${nonce}`)
    for (const { id } of taken) queue.delete(id)
    return { transaction: openAt(nonce++, [attempt], clock.ms), signed: taken, waiting, gone: [] }
  }

  const store: Partial<SettlerStore> = {
    sign,
    registerWallet: async () => undefined,
    lease: async (network, wallet, owner) => ({ network, wallet, owner, fence: 1n }),
    openTransactions: async () => [...(world.leftOpen ?? [])],
    spentThisHour: async () => spentWei,
    async takeReady(_, most) {
      const due = [...queue.values()].filter(({ readyAtMs }) => readyAtMs <= clock.ms).slice(0, most)
      for (const one of due) one.readyAtMs = Number.POSITIVE_INFINITY
      return due.map(({ row }) => row)
    },
    async putBack(ids: readonly SettlementId[], afterMs) {
      for (const one of queue.values()) if (ids.includes(one.row.id)) one.readyAtMs = clock.ms + afterMs
    },
  }

  async function simulate(_: unknown, calls: readonly SimulatedCall[]) {
    const payers = calls.filter(({ data }) => data.startsWith(TRANSFER)).map(({ account }) => account)
    simulations.push(payers)
    events.push(`simulate ${payers.length}`)
    if (payers.some((payer) => world.unreadable?.has(payer))) throw new AppError('rpc_unavailable')
    const left = new Map<Hex, bigint>()
    const heldBy = (payer: Hex) => left.get(payer) ?? world.held?.[payer] ?? ETHER
    const hasCode = (payer: Hex) => world.wallets?.has(payer) ?? false
    const pay = ({ account, data, gas }: SimulatedCall) => {
      const gasUsed = hasCode(account) ? 900_000n : 50_000n
      const amount = rows.find(({ callData }) => callData === data)?.amount ?? 0n
      const ok = gas >= gasUsed && heldBy(account) >= amount
      if (ok) left.set(account, heldBy(account) - amount)
      return { ok, gasUsed, word: null }
    }
    const read = ({ account, data }: SimulatedCall) => {
      return { ok: true, gasUsed: 2_000n, word: data.startsWith(BALANCE_OF) ? heldBy(account) : 0n }
    }
    const results = calls.map((call) => {
      const result = call.data.startsWith(TRANSFER) ? pay(call) : read(call)
      return { ...result, hasCode: hasCode(call.account) }
    })
    return { block: 100n, results }
  }

  const deps = {
    ...{ now: () => clock.ms, store, network: BASE_SEPOLIA },
    chain: {
      simulate,
      walletState: async () => ({ nonce: 0n, balanceWei }),
      fees: async () => ({ baseFeeWei: GWEI, tipWei: GWEI }),
      broadcast: async (_: unknown, raw: string) => {
        sent.push(raw)
        events.push(`send ${Number(raw)}`)
        return { kind: 'sent' as const }
      },
    },
    signer: { address: WALLET, sign: async () => ({ hash: nonceOf(signed.length), raw: `0x${signed.length}` }) },
    limits: { feeCapWei: 100n * GWEI, walletHourWei },
    encodeBatch: () => ({ to: addressOf(0x11), data: '0x' }),
    onProblem: (message: string) => problems.push(message),
  } as unknown as WalletDeps

  return {
    ...{ runner: new WalletRunner(deps, 'me'), clock, signed, sent, simulations, problems, events },
    /** The ids of what could be taken now. */
    waiting: () => [...queue.values()].filter(({ readyAtMs }) => readyAtMs <= clock.ms).map(({ row }) => row.id),
    offeredWei: () => signed.reduce((sum, { attempt }) => sum + attempt.gas * attempt.maxFeeWei, 0n),
    members: () => signed.flatMap((transaction) => transaction.rows.map(({ id }) => id)),
  }
}

/** A transaction that is open, with what was offered for it. */
export function openAt(
  nonce: bigint,
  attempts: readonly Pick<Attempt, 'gas' | 'maxFeeWei'>[],
  atMs = NOW,
): OpenTransaction {
  const createdAt = new Date(atMs)
  const all = attempts.map((attempt, index) => ({
    ...{ hash: nonceOf(0xa000 + index), raw: '0x' as Hex, kind: 'settle' as const, tipWei: GWEI, createdAt },
    ...attempt,
  }))
  const id = newId('transaction', atMs + Number(nonce))
  return { id, network: BASE_SEPOLIA.id, wallet: WALLET, nonce, attempts: all, createdAt }
}

let made = 0

/** A payment that waits to be signed. */
export function readyRow(changes: Partial<Ready> = {}): Ready {
  const callData: Hex = `${TRANSFER}${(++made).toString(16).padStart(800, '0')}`
  return { ...aSettlement({ callData, ...changes }), isAlone: false, ...changes }
}

export function readyRows(count: number, changes: Partial<Ready> = {}): Ready[] {
  return Array.from({ length: count }, () => readyRow(changes))
}
