import { addressWord, type Hex, word } from '@/lib/core/hex'
import type { SimulatedCall, SimulatedResult } from '@/lib/settlements/settlement-chain'
import { METER_CODE, METERED_OPCODES_GAS } from './meter-code'

/** Nobody has code or a key here: the meter stands at it for the length of one eth_call. */
export const METER: Hex = '0x70617970726f6f660000000000000000006d6574'

/** geth, reth and erigon cap an eth_call at 50 M by default; the caps on a transaction's gas do not hold for one. */
const MAX_GAS = 48_000_000n
/** The transaction itself, and what the meter needs for each call beside the call. */
const BASE_GAS = 100_000n
const GAS_PER_CALL = 15_000n
/** The dearest price of a byte of calldata there is. */
const GAS_PER_BYTE = 40n

const RESULT_BYTES = 128
const RESULT_HEX = RESULT_BYTES * 2
const HAS_WORD = 1n
const HAS_CODE = 2n
const WAS_STARVED = 4n

/**
 * The parameters of one eth_call that makes all calls in order upon the state of a block and measures each.
 *
 * Not eth_estimateGas, which finds the least gas with which the whole does not revert: with calls that may fail that
 * is too little for any of them. Not eth_simulateV1, which many providers do not have; a state override nearly all do.
 */
export function meterParams(calls: readonly SimulatedCall[], block: bigint): string {
  const data = encodeMetered(calls)
  const named = calls.reduce((sum, { gas }) => sum + gas + GAS_PER_CALL, BASE_GAS)
  const wanted = named + GAS_PER_BYTE * BigInt(data.length / 2 - 1)
  const gas = wanted < MAX_GAS ? wanted : MAX_GAS
  const call = `{"to":"${METER}","data":"${data}","gas":"0x${gas.toString(16)}"}`
  return `[${call},"0x${block.toString(16)}",{"${METER}":{"code":"${METER_CODE}"}}]`
}

/** The meter's calldata: how long its answer will be, then target, account, gas, length and data of each call. */
export function encodeMetered(calls: readonly SimulatedCall[]): Hex {
  const records = calls.map(({ target, account, gas, data }) => {
    const hex = data.slice(2)
    return `${addressWord(target)}${addressWord(account)}${word(gas)}${word(hex.length / 2)}${hex}`
  })
  return `0x${word(calls.length * RESULT_BYTES)}${records.join('')}`
}

/** The meter's answer, or null when it is not one to `count` calls. */
export function decodeMetered(answer: unknown, count: number): SimulatedResult[] | null {
  if (typeof answer !== 'string' || !/^0x[0-9a-f]*$/i.test(answer)) return null
  if (answer.length !== 2 + count * RESULT_HEX) return null
  const results: SimulatedResult[] = []
  for (let at = 2; at < answer.length; at += RESULT_HEX) {
    const result = decodeResult(answer.slice(at, at + RESULT_HEX))
    if (!result) return null
    results.push(result)
  }
  return results
}

function decodeResult(hex: string): SimulatedResult | null {
  const [ok, spent, returned, flags] = [0, 64, 128, 192].map((at) => BigInt(`0x${hex.slice(at, at + 64)}`)) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ]
  const gasUsed = spent - METERED_OPCODES_GAS
  if (ok > 1n || flags > 7n || gasUsed < 0n) return null
  // It had less gas than named because the node named less to us: that it failed says nothing.
  if (ok === 0n && (flags & WAS_STARVED) !== 0n) return null
  const word = ok === 1n && (flags & HAS_WORD) !== 0n ? returned : null
  return { ok: ok === 1n, gasUsed, word, hasCode: (flags & HAS_CODE) !== 0n }
}
