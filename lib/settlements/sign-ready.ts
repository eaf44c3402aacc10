import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import { findPayment } from './find-payment'
import type { GasRoom } from './gas-room'
import { transferEntries } from './ledger'
import type { SettlementRefusal } from './reasons'
import type { WalletDeps } from './settler'
import type { Lease, OpenTransaction, Ready } from './settler-store'
import { type Signer, signBatches } from './sign-batches'
import { type Simulated, simulateReady } from './simulate-ready'

/** Rows that one round takes. */
export const MOST_TAKEN = 200
const WAIT_FOR_MONEY_MS = 400
const WAIT_FOR_BLOCK_MS = 1_000

export type SigningRound = {
  lease: Lease
  /** What the wallet may offer now. Asked for only when something waits. */
  room(): Promise<GasRoom>
  /** Sends what was signed; what has to be looked up first waits for it. */
  send(transactions: readonly OpenTransaction[]): Promise<void>
}

/**
 * One round of a wallet: takes what waits, simulates it again, packs it, stores the signed bytes, and then sends them.
 * What was taken and cannot be signed is refused with its reason, or waits.
 *
 * @returns how many were taken, and whether the wallet had no room for some of them
 * @throws AppError `rpc_unavailable`: what was taken is given back
 */
export async function signReady(
  deps: WalletDeps,
  { lease, room: readRoom, send }: SigningRound,
): Promise<{ taken: number; isFull: boolean }> {
  const rows = await deps.store.takeReady(deps.network.id, MOST_TAKEN)
  if (rows.length === 0) return { taken: 0, isFull: false }
  const taken = new Set(rows.map(({ id }) => id))
  try {
    const shared = rows.filter(({ isAlone }) => !isAlone)
    const [simulated, room] = await Promise.all([simulate(deps, shared), readRoom()])
    for (const row of shared) taken.delete(row.id)
    const signer = { deps, lease, room }
    await signAndSend(signer, simulated, send)
    const alone = [...simulated.alone, ...rows.filter(({ isAlone }) => isAlone)]
    for (const row of alone) taken.delete(row.id)
    await signAlone(signer, alone, send)
    return { taken: rows.length, isFull: room.isFull }
  } finally {
    if (taken.size > 0) await deps.store.putBack([...taken], WAIT_FOR_BLOCK_MS)
  }
}

function simulate(deps: WalletDeps, rows: readonly Ready[]): Promise<Simulated> {
  return simulateReady({ ...deps, nowSeconds: BigInt(Math.floor(deps.now() / SECOND_MS)) }, rows)
}

async function signAndSend(signer: Signer, simulated: Simulated, send: SigningRound['send']): Promise<void> {
  const transactions = await signBatches(signer, simulated)
  await send(transactions)
  await setAside(signer.deps, simulated)
}

/**
 * What goes alone is simulated alone as well, after all others: whoever burns the gas of a call, or cannot be read now,
 * holds up nobody.
 */
async function signAlone(signer: Signer, rows: readonly Ready[], send: SigningRound['send']): Promise<void> {
  const { deps, room } = signer
  const now = rows.slice(0, room.places)
  const later = rows.slice(now.length).map(({ id }) => id)
  if (later.length > 0) await deps.store.putBack(later, WAIT_FOR_BLOCK_MS)
  const simulated = now.map((row) => orLater(deps, row, () => simulate(deps, [row])))
  for (const one of await Promise.all(simulated)) if (one) await signAndSend(signer, one, send)
}

async function setAside(deps: WalletDeps, { used, refused, waiting }: Simulated): Promise<void> {
  const ids = waiting.map(({ id }) => id)
  if (ids.length > 0) await deps.store.putBack(ids, WAIT_FOR_MONEY_MS)
  for (const { row, refusal } of refused) await orLater(deps, row, () => deps.store.refuse(row, refusal))
  for (const row of used) await orLater(deps, row, () => settleUsed(deps, row))
}

/** One row that cannot be looked up now holds up none of the others. */
async function orLater<T>(deps: WalletDeps, row: Ready, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run()
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('a payment could not be looked up; it is tried again', { err: cause ?? message, id: row.id })
    await deps.store.putBack([row.id], WAIT_FOR_BLOCK_MS)
    return null
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
