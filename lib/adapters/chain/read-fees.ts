import { type Clock, SECOND_MS } from '@/lib/core/clock'
import type { Fees } from '@/lib/settlements/settlement-chain'
import { fieldsOf, toQuantity } from './decode'
import type { NetworkRpc } from './network-rpc'
import { readMany } from './read-results'

const GWEI = 1_000_000_000n
/** Beyond these a node is confused, or somebody wants us to burn money: what is sent is capped. */
const MAX_BASE_FEE = 10_000n * GWEI
const MAX_TIP = 500n * GWEI
/** Less is not worth a transaction that stays behind: a million gas at it costs 0.000001 of the coin. */
const LEAST_TIP = GWEI / 1_000n
const MAX_AGE_MS = SECOND_MS

type Kept = { at: number; fees: Promise<Fees> }

/** Reads what a transaction must pay; what was read counts for a second, for all who ask. */
export function createFeeReader(now: Clock, mostCalls: number): (rpc: NetworkRpc) => Promise<Fees> {
  const kept = new WeakMap<NetworkRpc, Kept>()
  return (rpc) => {
    const last = kept.get(rpc)
    if (last && now() - last.at < MAX_AGE_MS) return last.fees
    const fees = readFees(rpc, mostCalls)
    const entry = { at: now(), fees }
    kept.set(rpc, entry)
    fees.catch(() => kept.get(rpc) === entry && kept.delete(rpc))
    return fees
  }
}

async function readFees(rpc: NetworkRpc, mostCalls: number): Promise<Fees> {
  const calls = [
    { method: 'eth_getBlockByNumber', params: '["latest",false]', decode: toBaseFee },
    { method: 'eth_maxPriorityFeePerGas', params: '[]', decode: toQuantity },
  ]
  const [baseFee, tip] = (await readMany<bigint>(rpc, calls, mostCalls)) as [bigint, bigint]
  return { baseFeeWei: clamp(baseFee, 0n, MAX_BASE_FEE), tipWei: clamp(tip, LEAST_TIP, MAX_TIP) }
}

function toBaseFee(block: unknown): bigint | null {
  return toQuantity(fieldsOf(block)['baseFeePerGas'])
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least
  return value > most ? most : value
}
