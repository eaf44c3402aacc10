import { firstOffer } from './fees'
import type { GasRoom } from './gas-room'
import { gasLimitOf, type Measured, packBatches, withinGas } from './pack-batches'
import type { WalletDeps } from './settler'
import type { Lease, NewAttempt, OpenTransaction, Ready } from './settler-store'
import type { Simulated } from './simulate-ready'
import type { Taken } from './taken'

const WAIT_FOR_MONEY_MS = 400
const WAIT_AFTER_REFUSAL_MS = 5_000

export type Signer = {
  deps: WalletDeps
  lease: Lease
  room: GasRoom
  taken: Taken
  /** Told of each transaction as soon as its bytes are stored. */
  keep(transaction: OpenTransaction): void
}

/** Signs what a simulation found good, as far as the wallet has room. What is left is given back to be taken again. */
export async function signBatches(signer: Signer, simulated: Simulated): Promise<void> {
  for (const batch of packBatches(simulated.candidates)) {
    if (!signer.room.isFull) await signOrSkip(signer, simulated.block, batch)
    // Another wallet may have room.
    if (signer.room.isFull) await signer.taken.putBack(rowsOf(batch), 0)
  }
}

const rowsOf = (batch: readonly Measured[]) => batch.map(({ row }) => row)

/** What the policy refuses holds up nothing else: it waits, for a token may be served again, and ends at its deadline. */
async function signOrSkip(signer: Signer, block: bigint, batch: readonly Measured[]): Promise<void> {
  const { deps, taken } = signer
  try {
    await signBatch(signer, block, batch)
  } catch (error) {
    if ((error as Error).name !== 'TransactionRefused') throw error
    deps.onProblem('a transaction was not signed', { err: (error as Error).message, network: deps.network.id })
    await taken.putBack(rowsOf(batch), WAIT_AFTER_REFUSAL_MS)
  }
}

async function signBatch(
  { deps, lease, room, taken, keep }: Signer,
  block: bigint,
  batch: readonly Measured[],
): Promise<void> {
  const fees = await deps.chain.fees(deps.network)
  const offer = firstOffer(fees, deps.limits.feeCapWei)
  const candidates = withinGas(batch, room.gasAt(offer))
  room.isFull ||= candidates.length < batch.length
  if (candidates.length === 0) return
  const gasOf = new Map(candidates.map((one) => [one.row.id, one]))
  const build = async (rows: readonly Ready[], nonce: bigint): Promise<NewAttempt> => {
    const members = rows.map((row) => gasOf.get(row.id) as Measured)
    const gas = gasLimitOf(members)
    const signed = await deps.signer.sign({
      chainId: deps.network.chainId,
      nonce,
      ...targetOf(deps, rows),
      gas,
      maxFeePerGas: offer.maxFeeWei,
      maxPriorityFeePerGas: offer.tipWei,
    })
    return { ...signed, ...offer, gas, kind: 'settle' }
  }
  const { transaction, signed, waiting, gone } = await deps.store.sign({ lease, block, candidates, build })
  if (transaction) {
    room.take(transaction)
    keep(transaction)
  }
  taken.done([...signed, ...gone])
  await taken.putBack(waiting, WAIT_FOR_MONEY_MS)
}

/** One payment alone is sent directly; more of them through Multicall3, each allowed to fail by itself. */
function targetOf({ encodeBatch }: WalletDeps, rows: readonly Ready[]) {
  const [row] = rows
  if (rows.length === 1 && row) return { to: row.asset, data: row.callData }
  return encodeBatch(rows.map(({ asset, callData }) => ({ target: asset, data: callData })))
}
