import { createHash } from 'node:crypto'
import { AppError } from '@/lib/core/errors'
import { addressWord, type Hex } from '@/lib/core/hex'
import type { Block, SettlementChain, SimulatedCall, SimulatedResult } from '@/lib/settlements/settlement-chain'
import { FINALITY_BLOCKS, GWEI, type SimChain } from './chain'
import type { SimBlock, Transaction } from './chain-block'
import { type Authorization, authorizationKey, copyOf, type State, transfer } from './chain-state'
import type { Random } from './random'
import type { Process, Scheduler } from './scheduler'

/** What goes wrong between us and the chain, as long as the schedule wants it. */
export type ChainTrouble = {
  /** How often a read fails, a send is lost, and an answer to a send is lost. */
  failing: number
  unsent: number
  unanswered: number
  /** How often a read comes from a node that is so many blocks behind. */
  lagging: number
  lagBlocks: number
  /** So many sends of payments are refused for good. */
  refusals: number
}

const NO_TROUBLE: ChainTrouble = { failing: 0, unsent: 0, unanswered: 0, lagging: 0, lagBlocks: 0, refusals: 0 }

export function noTrouble(): ChainTrouble {
  return { ...NO_TROUBLE }
}

export type ChainParts = {
  chain: SimChain
  scheduler: Scheduler
  random: Random
  trouble: ChainTrouble
  authorizations: ReadonlyMap<Hex, Authorization>
}

/** The chain as one process sees it: every call waits for its turn, and may be answered by a node that is behind. */
export function createChainPort(parts: ChainParts, process: Process): SettlementChain {
  const { chain, scheduler, random, trouble } = parts
  const view = async (label: string): Promise<readonly SimBlock[]> => {
    await scheduler.gate(process, `chain.${label}`)
    if (random.chance(trouble.failing)) throw new AppError('rpc_unavailable')
    return viewOf(parts)
  }

  return {
    async simulate(_network, calls) {
      const blocks = await view('simulate')
      const { number, state, timestampSeconds } = headOf(blocks)
      const after = copyOf(state)
      return { block: number, results: calls.map((call) => simulated(parts, after, timestampSeconds, call)) }
    },
    async broadcast(_network, raw) {
      await scheduler.gate(process, 'chain.broadcast')
      const transaction = parse(raw)
      if (random.chance(trouble.unsent)) return { kind: 'unknown', message: 'connection reset' }
      if (trouble.refusals > 0 && transaction.data !== '0x') {
        trouble.refusals--
        return { kind: 'refused', cause: 'invalid', message: 'exceeds block gas limit' }
      }
      const outcome = chain.offer(transaction)
      scheduler.note(`  ${outcome.kind} nonce ${transaction.nonce} ${transaction.hash.slice(0, 10)}`)
      return random.chance(trouble.unanswered) ? { kind: 'unknown', message: 'timed out' } : outcome
    },
    head: async () => toBlock(headOf(await view('head'))),
    finalized: async () => toBlock(finalOf(await view('finalized'))),
    async blocks(_network, numbers) {
      const blocks = await view('blocks')
      return numbers.map((number) => {
        const block = blocks[Number(number)]
        return block ? toBlock(block) : null
      })
    },
    async receipts(_network, hashes) {
      const blocks = await view('receipts')
      return hashes.map((hash) => chain.find(hash, blocks))
    },
    async authorizationUses(_network, { payer, nonce, fromBlock, throughBlock }) {
      const blocks = await view('authorizationUses')
      if (headOf(blocks).number < (throughBlock ?? 0n)) throw new AppError('rpc_unavailable')
      const key = `0x${addressWord(payer)}/${nonce}`
      return blocks.slice(Number(fromBlock)).flatMap(({ uses }) => uses.get(key) ?? [])
    },
    async authorizationStates(_network, authorizations, at) {
      const blocks = await view('authorizationStates')
      const block = at === 'latest' ? headOf(blocks) : finalOf(blocks)
      const used = authorizations.map((one) => block.state.authorizations.has(authorizationKey(one)))
      return { block: toBlock(block), used }
    },
    async walletState(_network, wallet) {
      const { state } = headOf(await view('walletState'))
      return { nonce: state.nonces.get(wallet) ?? 0n, balanceWei: 10n ** 18n }
    },
    async finalNonce(_network, wallet) {
      const block = finalOf(await view('finalNonce'))
      return { nonce: block.state.nonces.get(wallet) ?? 0n, block: toBlock(block) }
    },
    async fees() {
      await view('fees')
      return { baseFeeWei: chain.baseFeeWei, tipWei: GWEI / 1_000n }
    },
  }
}

function viewOf({ chain, random, trouble }: ChainParts): readonly SimBlock[] {
  if (!random.chance(trouble.lagging)) return chain.blocks
  const blocks = chain.stale && random.chance(0.5) ? chain.stale : chain.blocks
  const count = Math.min(chain.blocks.length, blocks.length) - trouble.lagBlocks
  return blocks.slice(0, Math.max(count, FINALITY_BLOCKS + 1))
}

function headOf(blocks: readonly SimBlock[]): SimBlock {
  return blocks.at(-1) as SimBlock
}

function finalOf(blocks: readonly SimBlock[]): SimBlock {
  return blocks[blocks.length - 1 - FINALITY_BLOCKS] as SimBlock
}

function toBlock({ number, hash, timestampSeconds }: SimBlock): Block {
  return { number, hash, timestampSeconds }
}

const BALANCE_OF = '0x70a08231'
const AUTHORIZATION_STATE = '0xe94a0102'

function simulated(
  { authorizations }: ChainParts,
  state: State,
  seconds: number,
  { data, account, gas }: SimulatedCall,
): SimulatedResult {
  const hasCode = state.code.has(account)
  if (data.startsWith(BALANCE_OF)) {
    return { ok: true, gasUsed: 3_000n, word: state.balances.get(account) ?? 0n, hasCode }
  }
  if (data.startsWith(AUTHORIZATION_STATE)) {
    const isUsed = state.authorizations.has(authorizationKey({ payer: account, nonce: `0x${data.slice(-64)}` }))
    return { ok: true, gasUsed: 3_000n, word: isUsed ? 1n : 0n, hasCode }
  }
  const { logs, gasUsed } = transfer(state, authorizations.get(data) as Authorization, { seconds, gas })
  return { ok: logs !== null, gasUsed, word: null, hasCode }
}

/** The bytes of a transaction are its text: nothing here reads them but the chain. */
export function toRaw(transaction: Omit<Transaction, 'hash'>): Hex {
  return `0x${JSON.stringify(transaction, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value))}`
}

export function hashOf(raw: Hex): Hex {
  return `0x${createHash('sha256').update(raw).digest('hex')}`
}

function parse(raw: Hex): Transaction {
  const fields = JSON.parse(raw.slice(2), (_key, value) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  )
  return { ...fields, hash: hashOf(raw) }
}
