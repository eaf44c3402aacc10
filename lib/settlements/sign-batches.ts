import { firstOffer } from './fees'
import type { GasRoom } from './gas-room'
import { gasLimitOf, type Measured, packBatches, withinGas } from './pack-batches'
import type { WalletDeps } from './settler'
import type { Lease, NewAttempt, OpenTransaction, Ready } from './settler-store'
import type { Simulated } from './simulate-ready'

const WAIT_FOR_MONEY_MS = 400
const WAIT_FOR_BLOCK_MS = 1_000
const WAIT_AFTER_REFUSAL_MS = 5_000

export type Signer = { deps: WalletDeps; lease: Lease; room: GasRoom }

/** Signs what a simulation found good, as far as the wallet has room. What is left is given back to be taken again. */
export async function signBatches(signer: Signer, simulated: Simulated): Promise<OpenTransaction[]> {
  const transactions: OpenTransaction[] = []
  const batches = packBatches(simulated.candidates)
  let waitMs = WAIT_FOR_BLOCK_MS
  try {
    for (let batch = batches[0]; batch; batch = batches[0]) {
      const { transaction, left } = await signOrSkip(signer, simulated.block, batch)
      if (transaction) transactions.push(transaction)
      batches.splice(0, 1, ...(left.length > 0 ? [left] : []))
      if (!signer.room.isFull) continue
      // Another wallet may have room.
      waitMs = 0
      break
    }
  } finally {
    const left = batches.flat().map(({ row }) => row.id)
    if (left.length > 0) await signer.deps.store.putBack(left, waitMs)
  }
  return transactions
}

/** `left`: what the wallet has no room for. */
type SignedBatch = { transaction: OpenTransaction | null; left: Measured[] }

/** What the policy refuses holds up nothing else: it waits, for a token may be served again, and ends at its deadline. */
async function signOrSkip(signer: Signer, block: bigint, batch: Measured[]): Promise<SignedBatch> {
  const { deps } = signer
  try {
    return await signBatch(signer, block, batch)
  } catch (error) {
    if ((error as Error).name !== 'TransactionRefused') throw error
    deps.onProblem('a transaction was not signed', { err: (error as Error).message, network: deps.network.id })
    await putBack(deps, batch, WAIT_AFTER_REFUSAL_MS)
    return { transaction: null, left: [] }
  }
}

async function signBatch({ deps, lease, room }: Signer, block: bigint, batch: Measured[]): Promise<SignedBatch> {
  const fees = await deps.chain.fees(deps.network)
  const offer = firstOffer(fees, deps.limits.feeCapWei)
  const candidates = withinGas(batch, room.gasAt(offer))
  const left = batch.slice(candidates.length)
  room.isFull ||= left.length > 0
  if (candidates.length === 0) return { transaction: null, left }
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
  const { transaction, waiting } = await deps.store.sign({ lease, block, candidates, build })
  if (transaction) room.take(transaction)
  const ids = waiting.map(({ id }) => id)
  if (ids.length > 0) await deps.store.putBack(ids, WAIT_FOR_MONEY_MS)
  return { transaction, left }
}

/** One payment alone is sent directly; more of them through Multicall3, each allowed to fail by itself. */
function targetOf({ encodeBatch }: WalletDeps, rows: readonly Ready[]) {
  const [row] = rows
  if (rows.length === 1 && row) return { to: row.asset, data: row.callData }
  return encodeBatch(rows.map(({ asset, callData }) => ({ target: asset, data: callData })))
}

function putBack({ store }: WalletDeps, batch: readonly Measured[], afterMs: number): Promise<void> {
  return store.putBack(
    batch.map(({ row }) => row.id),
    afterMs,
  )
}
