import type { Hex } from '@/lib/core/hex'
import type { Block, Receipt } from '@/lib/settlements/settlement-chain'
import {
  type Authorization,
  authorizationKey,
  cancelledLog,
  move,
  type State,
  transfer,
  transferLog,
  usedLog,
} from './chain-state'

/** A signed transaction of a wallet of ours. */
export type Transaction = {
  hash: Hex
  wallet: Hex
  nonce: bigint
  to: Hex
  data: Hex
  gas: bigint
  maxFeeWei: bigint
  tipWei: bigint
}

/** What somebody else does on chain. */
export type Foreign =
  | { kind: 'submit' | 'cancel' | 'decoy'; hash: Hex; authorization: Authorization }
  | { kind: 'move'; hash: Hex; asset: Hex; from: Hex; to: Hex; amount: bigint }

export type SimBlock = Block & {
  receipts: Map<string, Receipt>
  uses: Map<string, Hex>
  ours: Transaction[]
  foreign: Foreign[]
  /** As it is after the block. */
  state: State
}

/** What somebody else does in a block: its logs, or null when it reverts. */
export function executeForeign({ state, timestampSeconds: seconds }: SimBlock, one: Foreign) {
  if (one.kind === 'move') {
    if ((state.balances.get(one.from) ?? 0n) < one.amount) return null
    move(state, one.from, one.to, one.amount)
    return [transferLog({ asset: one.asset, payer: one.from, payTo: one.to, amount: one.amount })]
  }
  const { authorization } = one
  const key = authorizationKey(authorization)
  if (one.kind === 'submit') return transfer(state, authorization, { seconds, gas: 1_000_000n }).logs
  if (state.authorizations.has(key)) return null
  state.authorizations.set(key, one.kind === 'cancel' ? 'cancelled' : 'used')
  if (one.kind === 'cancel') return [cancelledLog(authorization)]
  return decoy(state, authorization)
}

/** The nonce used for nothing, and beside it a plain transfer of the very amount when the payer has it. */
function decoy(state: State, authorization: Authorization) {
  const { payer, payTo, amount } = authorization
  const logs = [usedLog(authorization), transferLog({ ...authorization, payTo: payer, amount: 0n })]
  if ((state.balances.get(payer) ?? 0n) < amount) return logs
  move(state, payer, payTo, amount)
  return [...logs, transferLog(authorization)]
}

/** Writes down what a block did with a transaction. */
export function addReceipt(
  block: SimBlock,
  hash: Hex,
  { logs, gasUsed, feeWei }: { logs: ReturnType<typeof usedLog>[] | null; gasUsed: bigint; feeWei: bigint },
): void {
  const placed = (logs ?? []).map((log, position) => ({ ...log, position }))
  const { number: blockNumber, hash: blockHash } = block
  const succeeded = logs !== null
  block.receipts.set(hash, {
    transactionHash: hash,
    blockNumber,
    blockHash,
    succeeded,
    gasUsed,
    feeWei,
    logs: placed,
  })
  const name = usedLog({ asset: '0x', payer: '0x', nonce: '0x' }).topics[0]
  for (const { topics } of placed) if (topics[0] === name) block.uses.set(`${topics[1]}/${topics[2]}`, hash)
}
