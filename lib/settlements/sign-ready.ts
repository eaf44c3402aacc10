import { toAppError } from '@/lib/core/errors'
import { firstOffer } from './fees'
import { findPayment } from './find-payment'
import { transferEntries } from './ledger'
import { gasLimitOf, type Measured, packBatches } from './pack-batches'
import type { SettlementRefusal } from './reasons'
import type { WalletDeps } from './settler'
import type { Lease, NewAttempt, OpenTransaction, Ready } from './settler-store'
import { type Simulated, simulateReady } from './simulate-ready'

/** Rows that one round takes. */
export const MOST_TAKEN = 200
const WAIT_FOR_MONEY_MS = 400
const WAIT_FOR_BLOCK_MS = 1_000
const WAIT_AFTER_REFUSAL_MS = 5_000

export type Signed = { taken: number; transactions: OpenTransaction[] }

/**
 * One round of a wallet: takes what waits, simulates it again, packs it, stores the signed bytes, and then sends them.
 * What was taken and cannot be signed is refused with its reason, or waits.
 *
 * @throws AppError `rpc_unavailable`: what was taken is given back
 */
export async function signReady(deps: WalletDeps, lease: Lease): Promise<Signed> {
  const rows = await deps.store.takeReady(deps.network.id, MOST_TAKEN)
  if (rows.length === 0) return { taken: 0, transactions: [] }
  const taken = new Set(rows.map(({ id }) => id))
  try {
    const simulated = await simulateReady({ ...deps, nowSeconds: BigInt(Math.floor(deps.now() / 1000)) }, rows)
    for (const row of rows) taken.delete(row.id)
    // What can be signed waits for nothing that has to be looked up first.
    const transactions = await signBatches(deps, lease, simulated)
    await setAside(deps, simulated)
    return { taken: rows.length, transactions }
  } finally {
    if (taken.size > 0) await deps.store.putBack([...taken], WAIT_FOR_BLOCK_MS)
  }
}

async function signBatches(deps: WalletDeps, lease: Lease, simulated: Simulated): Promise<OpenTransaction[]> {
  const transactions: OpenTransaction[] = []
  const batches = packBatches(simulated.candidates)
  try {
    while (batches.length > 0) {
      const transaction = await signOrSkip(deps, lease, simulated.block, batches[0] as Measured[])
      batches.shift()
      if (transaction) transactions.push(transaction)
    }
  } finally {
    const left = batches.flat().map(({ row }) => row.id)
    if (left.length > 0) await deps.store.putBack(left, WAIT_FOR_BLOCK_MS)
  }
  return transactions
}

/** What the policy refuses holds up nothing else: it waits, for a token may be served again, and ends at its deadline. */
async function signOrSkip(
  deps: WalletDeps,
  lease: Lease,
  block: bigint,
  batch: readonly Measured[],
): Promise<OpenTransaction | null> {
  try {
    return await signBatch(deps, lease, block, batch)
  } catch (error) {
    if ((error as Error).name !== 'TransactionRefused') throw error
    deps.onProblem('a transaction was not signed', { err: (error as Error).message, network: deps.network.id })
    const ids = batch.map(({ row }) => row.id)
    await deps.store.putBack(ids, WAIT_AFTER_REFUSAL_MS)
    return null
  }
}

async function signBatch(
  deps: WalletDeps,
  lease: Lease,
  block: bigint,
  batch: readonly Measured[],
): Promise<OpenTransaction | null> {
  const fees = await deps.chain.fees(deps.network)
  const offer = firstOffer(fees, deps.limits.feeCapWei)
  const gasOf = new Map(batch.map((one) => [one.row.id, one]))
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
  const { transaction, waiting } = await deps.store.sign({ lease, block, candidates: batch, build })
  if (waiting.length > 0)
    await deps.store.putBack(
      waiting.map(({ id }) => id),
      WAIT_FOR_MONEY_MS,
    )
  return transaction
}

/** One payment alone is sent directly; more of them through Multicall3, each allowed to fail by itself. */
function targetOf({ encodeBatch }: WalletDeps, rows: readonly Ready[]) {
  const [row] = rows
  if (rows.length === 1 && row) return { to: row.asset, data: row.callData }
  return encodeBatch(rows.map(({ asset, callData }) => ({ target: asset, data: callData })))
}

async function setAside(deps: WalletDeps, { used, refused, waiting }: Simulated): Promise<void> {
  if (waiting.length > 0)
    await deps.store.putBack(
      waiting.map(({ id }) => id),
      WAIT_FOR_MONEY_MS,
    )
  for (const { row, refusal } of refused) await orLater(deps, row, () => deps.store.refuse(row, refusal))
  for (const row of used) await orLater(deps, row, () => settleUsed(deps, row))
}

/** One row that cannot be looked up now holds up none of the others. */
async function orLater(deps: WalletDeps, row: Ready, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('a payment could not be looked up; it is tried again', { err: cause ?? message, id: row.id })
    await deps.store.putBack([row.id], WAIT_FOR_BLOCK_MS)
  }
}

/** Somebody used the authorization since we saw it unused: if that paid this seller, it is paid. */
async function settleUsed(deps: WalletDeps, row: Ready): Promise<void> {
  const found = await findPayment(deps, row)
  if (found === 'too_young') return deps.store.putBack([row.id], WAIT_FOR_BLOCK_MS)
  if (found === 'none') await deps.store.refuse(row, USED)
  else await deps.store.preempt(row, found.transfer, transferEntries(row, found.transfer))
}

const USED: SettlementRefusal = {
  reason: 'invalid_exact_evm_nonce_already_used',
  message: 'This authorization was used or cancelled elsewhere. Look the payment up before you sign another.',
}
