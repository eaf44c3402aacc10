import { authorizationStateCall, balanceOfCall } from '@/lib/core/token'
import type { Network } from '@/lib/networks/networks'
import type { Measured } from './pack-batches'
import type { SettlementRefusal } from './reasons'
import type { SettlementChain, SimulatedCall, SimulatedResult } from './settlement-chain'
import type { Ready } from './settler-store'

const READ_GAS = 60_000n
/** Beyond what a block or two take, an authorization may be dead when it is mined: the reference's margin, in seconds. */
const EXPIRY_MARGIN_SECONDS = 6n

export type Simulated = {
  /** The balances are those of this block. */
  block: bigint
  candidates: Measured[]
  /** Their authorization is used already. */
  used: Ready[]
  refused: { row: Ready; refusal: SettlementRefusal }[]
  /** Another payment before them takes the money they need. */
  waiting: Ready[]
  /** Their payer is a contract wallet that needs more gas than a call among others may use: to be tried alone. */
  alone: Ready[]
}

type Deps = { chain: Pick<SettlementChain, 'simulate'>; network: Network; nowSeconds: bigint }

/**
 * Makes the very calls that would settle, in their order and upon one state, and says of each payment what that means.
 * Whether a payer has code is read here, upon that same state, and never remembered.
 */
export async function simulateReady(deps: Deps, rows: readonly Ready[]): Promise<Simulated> {
  const result: Simulated = { block: 0n, candidates: [], used: [], refused: [], waiting: [], alone: [] }
  const alive = rows.filter((row) => {
    if (row.validBefore >= deps.nowSeconds + EXPIRY_MARGIN_SECONDS) return true
    result.refused.push({ row, refusal: row.transactionHash === null ? EXPIRED : ENDING })
    return false
  })
  if (alive.length === 0) return result
  const holders = [...new Map(alive.map((row) => [holderOf(row), row])).values()]
  const calls = [...holders.map(balanceCall), ...alive.map(stateCall), ...alive.map((row) => transferCall(deps, row))]
  const { block, results } = await deps.chain.simulate(deps.network, calls)
  result.block = block
  const balances = new Map(holders.map((row, index) => [holderOf(row), results[index]?.word ?? 0n]))
  const left = new Map(balances)
  for (const [index, row] of alive.entries()) {
    const state = results[holders.length + index] as SimulatedResult
    const transfer = results[holders.length + alive.length + index] as SimulatedResult
    sort(result, row, { state, transfer, balance: balances.get(holderOf(row)) ?? 0n, left })
  }
  return result
}

type Seen = { state: SimulatedResult; transfer: SimulatedResult; balance: bigint; left: Map<string, bigint> }

function sort(result: Simulated, row: Ready, { state, transfer, balance, left }: Seen): void {
  if (state.word !== 0n) return void result.used.push(row)
  if (transfer.ok) {
    left.set(holderOf(row), (left.get(holderOf(row)) ?? 0n) - row.amount)
    result.candidates.push({ row, balance, gasUsed: transfer.gasUsed, hasCode: transfer.hasCode })
  } else if (balance < row.amount) result.refused.push({ row, refusal: insufficient(row, balance) })
  else if ((left.get(holderOf(row)) ?? 0n) < row.amount) result.waiting.push(row)
  else if (transfer.hasCode && !row.isAlone) result.alone.push({ ...row, isAlone: true })
  else result.refused.push({ row, refusal: SIMULATION_FAILED })
}

const holderOf = ({ asset, payer }: Ready): string => `${asset}/${payer}`

function balanceCall({ asset, payer }: Ready): SimulatedCall {
  return { target: asset, data: balanceOfCall(payer), account: payer, gas: READ_GAS }
}

function stateCall({ asset, payer, nonce }: Ready): SimulatedCall {
  return { target: asset, data: authorizationStateCall(payer, nonce), account: payer, gas: READ_GAS }
}

function transferCall({ network }: Pick<Deps, 'network'>, row: Ready): SimulatedCall {
  const gas = row.isAlone ? network.callGas.withCode : network.callGas.withoutCode
  return { target: row.asset, data: row.callData, account: row.payer, gas: BigInt(gas) }
}

const EXPIRED: SettlementRefusal = {
  reason: 'invalid_exact_evm_payload_authorization_valid_before',
  message: 'The authorization ends before it could be mined. Sign a new one.',
}

/** Its signature is public: until it is dead, another one beside it may be paid too. */
const ENDING: SettlementRefusal = {
  ...EXPIRED,
  message: 'The authorization ends before it could be mined again. Wait until it is dead before you sign another.',
}

const SIMULATION_FAILED: SettlementRefusal = {
  reason: 'invalid_exact_evm_transaction_simulation_failed',
  message: 'The token refuses this transfer now. It would not settle.',
}

function insufficient({ amount }: Ready, balance: bigint): SettlementRefusal {
  return {
    reason: 'invalid_exact_evm_insufficient_balance',
    message: `The payer holds ${balance} atomic units, the payment is over ${amount}. Fund the payer.`,
  }
}
