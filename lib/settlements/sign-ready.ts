import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import { findPayment } from './find-payment'
import type { GasRoom } from './gas-room'
import { transferEntries } from './ledger'
import type { SettlementRefusal } from './reasons'
import type { WalletDeps } from './settler'
import type { OpenTransaction, Ready } from './settler-store'
import { type Signer, signBatches } from './sign-batches'
import { type Simulated, simulateReady } from './simulate-ready'
import { Taken } from './taken'

/** Rows that one round takes. */
export const MOST_TAKEN = 200
const WAIT_FOR_MONEY_MS = 400
const WAIT_FOR_BLOCK_MS = 1_000

export type SigningRound = Pick<Signer, 'lease' | 'keep'> & {
  /** What the wallet may offer now. Asked for only when something waits. */
  room(): Promise<GasRoom>
  /** Sends what was signed; what has to be looked up first waits for it. */
  send(transactions: readonly OpenTransaction[]): Promise<void>
}

type Round = Signer & Pick<SigningRound, 'send'>

/**
 * One round of a wallet: takes what waits, simulates it again, packs it, stores the signed bytes, and then sends them.
 * What was taken and cannot be signed is refused with its reason, or waits.
 *
 * @returns how many were taken, and whether the wallet had no room for some of them
 * @throws AppError `rpc_unavailable`: what was taken is given back
 */
export async function signReady(
  deps: WalletDeps,
  { room: readRoom, ...signing }: SigningRound,
): Promise<{ taken: number; isFull: boolean }> {
  const rows = await deps.store.takeReady(deps.network.id, MOST_TAKEN)
  if (rows.length === 0) return { taken: 0, isFull: false }
  const taken = new Taken(deps.store, rows)
  try {
    const shared = rows.filter(({ isAlone }) => !isAlone)
    const [simulated, room] = await Promise.all([simulate(deps, shared), readRoom()])
    const round = { deps, room, taken, ...signing }
    await signAndSend(round, simulated)
    const found = new Set(simulated.alone.map(({ id }) => id))
    await signAlone(
      round,
      rows.filter(({ id, isAlone }) => isAlone || found.has(id)),
    )
    return { taken: rows.length, isFull: room.isFull }
  } finally {
    await taken.putBackAll(WAIT_FOR_BLOCK_MS)
  }
}

function simulate(deps: WalletDeps, rows: readonly Ready[]): Promise<Simulated> {
  return simulateReady({ ...deps, nowSeconds: BigInt(Math.floor(deps.now() / SECOND_MS)) }, rows)
}

async function signAndSend(round: Round, simulated: Simulated): Promise<void> {
  const signed: OpenTransaction[] = []
  const keep = (transaction: OpenTransaction) => {
    round.keep(transaction)
    signed.push(transaction)
  }
  try {
    await signBatches({ ...round, keep }, simulated)
  } finally {
    // Whatever failed behind them.
    await round.send(signed)
  }
  await setAside(round, simulated)
}

/**
 * What goes alone is simulated alone as well, after all others: whoever burns the gas of a call, or cannot be read now,
 * holds up nobody.
 */
async function signAlone(round: Round, rows: readonly Ready[]): Promise<void> {
  const { deps, room, taken } = round
  const now = rows.slice(0, room.isFull ? 0 : room.places)
  const simulated = now.map((row) => orLater(round, row, () => simulate(deps, [{ ...row, isAlone: true }])))
  for (const one of await Promise.all(simulated)) if (one) await signAndSend(round, one)
  room.isFull ||= now.length < rows.length
  // Another wallet may have room.
  await taken.putBack(rows.slice(now.length), 0)
}

async function setAside(round: Round, { used, refused, waiting }: Simulated): Promise<void> {
  const { deps, taken } = round
  await taken.putBack(waiting, WAIT_FOR_MONEY_MS)
  for (const { row, refusal } of refused) await endOrLater(round, row, () => deps.store.refuse(row, refusal))
  for (const row of used) await endOrLater(round, row, () => settleUsed(round, row))
}

async function endOrLater(round: Round, row: Ready, run: () => Promise<unknown>): Promise<void> {
  const isEnded = await orLater(round, row, async () => {
    await run()
    return true
  })
  if (isEnded) round.taken.done([row])
}

/** One row that cannot be looked up now holds up none of the others. */
async function orLater<T>({ deps, taken }: Round, row: Ready, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run()
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('a payment could not be looked up; it is tried again', { err: cause ?? message, id: row.id })
    await taken.putBack([row], WAIT_FOR_BLOCK_MS)
    return null
  }
}

/** Somebody used the authorization since we saw it unused: if that paid this seller, it is paid. */
async function settleUsed({ deps, taken }: Round, row: Ready): Promise<void> {
  const found = await findPayment(deps, row)
  if (found === 'too_young') return taken.putBack([row], WAIT_FOR_BLOCK_MS)
  if (found === 'none') await deps.store.refuse(row, USED)
  else await deps.store.preempt(row, found.transfer, transferEntries(row, found.transfer))
}

const USED: SettlementRefusal = {
  reason: 'invalid_exact_evm_nonce_already_used',
  message: 'This authorization was used or cancelled elsewhere. Look the payment up before you sign another.',
}
