import { toAppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import type { Network } from '@/lib/networks/networks'
import { firstOffer } from './fees'
import { usableOf } from './gas-room'
import type { Fees } from './settlement-chain'
import type { GasLimits, SettlerDeps } from './settler'
import type { NetworkReport } from './settler-store'

/** What a payment costs in a full transaction; and how many must be possible for a wallet not to be called low. */
const GAS_OF_A_PAYMENT = 55_000n
/** What the gas limit of a payment alone comes to: a node wants a wallet to have all that is offered for it. */
const GAS_LIMIT_OF_A_PAYMENT = 150_000n
/** A transaction that is open longer than this is told of. */
const STUCK_SECONDS = 60

export type ReportDeps = Pick<SettlerDeps, 'now' | 'chain' | 'store'> & {
  network: Network
  wallets: readonly Hex[]
  limits: GasLimits
  /** A wallet that can pay for fewer settlements is low. */
  lowSettlements: number
}

/** Says whether the worker can settle on a network now, and how long its gas lasts. */
export async function reportNetwork(deps: ReportDeps): Promise<NetworkReport> {
  const report = await readReport(deps)
  await deps.store.report(deps.network.id, report)
  return report
}

async function readReport(deps: ReportDeps): Promise<NetworkReport> {
  const { store, network } = deps
  const state = await store.queueState(network.id, STUCK_SECONDS)
  const { waiting, oldestSeconds, open, oldestOpenSeconds, stuckNonces } = state
  const unattended = stuckNonces.filter((one) => !deps.wallets.some((wallet) => one.startsWith(`${wallet}:`)))
  const queue = { waiting, oldestSeconds }
  const transactions = { transactions: open, oldestSeconds: oldestOpenSeconds }
  try {
    const fees = await deps.chain.fees(network)
    const wallets = await Promise.all(deps.wallets.map((wallet) => describe(deps, wallet, fees)))
    const problem = fees.baseFeeWei > deps.limits.feeCapWei ? FEE_CAP : problemOf(wallets, fees, deps.limits)
    return { problem, wallets, queue, open: transactions, stuckNonces, unattended }
  } catch (error) {
    return { problem: toAppError(error).message, wallets: [], queue, open: transactions, stuckNonces, unattended }
  }
}

type Wallet = NetworkReport['wallets'][number]

async function describe(
  { chain, store, network, limits, lowSettlements }: ReportDeps,
  address: Hex,
  fees: Fees,
): Promise<Wallet> {
  const [{ balanceWei }, spent] = await Promise.all([
    chain.walletState(network, address),
    store.spentThisHour(network.id, address),
  ])
  const payments = Number(balanceWei / (GAS_OF_A_PAYMENT * (fees.baseFeeWei + fees.tipWei || 1n)))
  const settlementsLeft = usableOf(balanceWei) < offerOfOne(fees, limits) ? 0 : payments
  const isLow = settlementsLeft < lowSettlements
  return { address, balanceWei: balanceWei.toString(), settlementsLeft, isLow, spentThisHourWei: spent.toString() }
}

function offerOfOne(fees: Fees, { feeCapWei }: GasLimits): bigint {
  return GAS_LIMIT_OF_A_PAYMENT * firstOffer(fees, feeCapWei).maxFeeWei
}

function problemOf(wallets: readonly Wallet[], fees: Fees, limits: GasLimits): string | null {
  if (wallets.length === 0) return 'there is no wallet to pay the gas'
  const funded = wallets.filter(({ settlementsLeft }) => settlementsLeft !== 0)
  if (funded.length === 0) return 'no wallet has money for gas'
  const most = limits.walletHourWei - offerOfOne(fees, limits)
  const isOver = ({ spentThisHourWei }: Wallet) => BigInt(spentThisHourWei) > most
  return funded.every(isOver) ? SPEND_CAP : null
}

/** Problems that are a pause and no outage. */
const SPEND_CAP = 'every wallet with money has spent what it may in an hour'
const FEE_CAP = 'gas costs more than we offer'
export const PAUSES: readonly string[] = [SPEND_CAP, FEE_CAP]
