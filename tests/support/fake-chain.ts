import type { Hex } from '@/lib/core/hex'
import type { ChainReader, ContractResult } from '@/lib/networks/chain-reader'

const SELECTORS: Record<string, 'state' | 'transfer' | 'balance' | 'wallet'> = {
  '0xe94a0102': 'state',
  '0xe3ee160e': 'transfer',
  '0xcf092995': 'transfer',
  '0x70a08231': 'balance',
  '0x1626ba7e': 'wallet',
}

const yes: ContractResult = { ok: true, data: '0x' }
const word = (value: bigint): ContractResult => ({ ok: true, data: `0x${value.toString(16).padStart(64, '0')}` })
const UNUSED = word(0n)
export const USED = word(1n)
export const REVERTED: ContractResult = { ok: false, data: '0x' }

export type FakeChainOptions = {
  state?: ContractResult
  transfer?: ContractResult
  balance?: ContractResult
  wallet?: ContractResult
  hasCode?: boolean
  block?: bigint
  /** Gas below which everything runs out. */
  gasNeeded?: number
  /** Thrown by every read. */
  fails?: Error
}

export type FakeChain = ChainReader & { calls: { kinds: string[]; gas: number; data: Hex[] }[]; codeReads: number }

/** A revert with a reason, as Solidity's `require` gives it. */
export function revertedWith(text: string): ContractResult {
  const hex = Buffer.from(text, 'utf8').toString('hex')
  const length = (hex.length / 2).toString(16).padStart(64, '0')
  return { ok: false, data: `0x08c379a0${'20'.padStart(64, '0')}${length}${hex.padEnd(64, '0')}` }
}

export const uint256 = word

/** A chain as a plain object: what each kind of call gives is said beforehand, and what was asked can be read after. */
export function fakeChain(options: FakeChainOptions = {}): FakeChain {
  const given = { state: UNUSED, transfer: yes, balance: word(10n ** 12n), wallet: REVERTED, ...options }
  const { block = 7n, gasNeeded = 0, hasCode = false, fails } = options
  const chain: FakeChain = {
    calls: [],
    codeReads: 0,
    async callMany(_network, calls, gas) {
      if (fails) throw fails
      const kinds = calls.map(({ data }) => SELECTORS[data.slice(0, 10)] ?? 'transfer')
      chain.calls.push({ kinds, gas, data: calls.map(({ data }) => data) })
      if (gas < gasNeeded) return { block, results: calls.map(() => REVERTED), ranOutOfGas: true }
      return { block, results: kinds.map((kind) => given[kind]), ranOutOfGas: false }
    },
    async hasCode() {
      if (fails) throw fails
      chain.codeReads++
      return hasCode
    },
    async check() {
      if (fails) throw fails
    },
    async chainIds(network) {
      return [network.chainId]
    },
  }
  return chain
}
