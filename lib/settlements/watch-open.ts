import { SECOND_MS } from '@/lib/core/clock'
import { toAppError } from '@/lib/core/errors'
import type { Network } from '@/lib/networks/networks'
import { decideTaken } from './decide-taken'
import { decideTransaction } from './decide-transaction'
import { firstOffer, higherOffer } from './fees'
import { deepOnes } from './find-payment'
import type { Receipt, SendOutcome } from './settlement-chain'
import type { WalletDeps } from './settler'
import type { Attempt, Lease, NewAttempt, OpenTransaction, TransactionId } from './settler-store'

/** When each open transaction was last sent by this process. */
export type Sendings = Map<
  TransactionId,
  { atMs: number; isRefused: 'underpriced' | 'invalid' | 'no_gas_money' | null }
>

const LEAST_RESEND_MS = 3 * SECOND_MS
const LEAST_BUMP_MS = 5 * SECOND_MS
const AFTER_REFUSAL_MS = SECOND_MS

/** Sends the newest bytes of a transaction: the same bytes again are never a second payment. */
export async function send(deps: WalletDeps, transaction: OpenTransaction, sendings: Sendings): Promise<SendOutcome> {
  const newest = transaction.attempts.at(-1) as Attempt
  const outcome = await deps.chain.broadcast(deps.network, newest.raw)
  const isRefused = outcome.kind === 'refused' && outcome.cause !== 'nonce_gap' ? outcome.cause : null
  sendings.set(transaction.id, { atMs: deps.now(), isRefused })
  if (outcome.kind !== 'sent' && outcome.kind !== 'known') {
    deps.onProblem('a transaction was not simply taken', { ...outcome, hash: newest.hash, network: deps.network.id })
  }
  return outcome
}

/**
 * Looks for the receipts of every attempt of every open transaction, decides those that are deep enough, and moves on
 * those that are stuck: the same bytes again, a higher fee for the same nonce, and at last nothing in their place.
 *
 * @returns the transactions that are still open
 */
export async function watchOpen(
  deps: WalletDeps,
  lease: Lease,
  open: readonly OpenTransaction[],
  sendings: Sendings,
): Promise<OpenTransaction[]> {
  const hashes = open.flatMap(({ attempts }) => attempts.map(({ hash }) => hash))
  const receipts = (await deps.chain.receipts(deps.network, hashes)).filter((receipt) => receipt !== null)
  const found = new Map(receipts.map((receipt) => [receipt.transactionHash, receipt]))
  const deep = new Map((await deepOnes(deps, receipts)).map((receipt) => [receipt.transactionHash, receipt]))
  // One after another: whoever waits for the first is answered while the next is decided.
  const isDecided: boolean[] = []
  for (const transaction of open) isDecided.push(await decideIfDeep(deps, transaction, deep))
  const unseen = open.filter((transaction) => !receiptOf(transaction, found))
  const taken = await decideTaken(deps, unseen)
  const left: OpenTransaction[] = []
  for (const [index, transaction] of open.entries()) {
    if (isDecided[index] || taken.has(transaction.id)) sendings.delete(transaction.id)
    else if (receiptOf(transaction, found)) left.push(transaction)
    else left.push(await moveOrLeave(deps, lease, transaction, { sendings, isLowest: left.length === 0 }))
  }
  return left
}

type Receipts = ReadonlyMap<string, Receipt>

function receiptOf({ attempts }: OpenTransaction, receipts: Receipts): Receipt | undefined {
  return attempts.map(({ hash }) => receipts.get(hash)).find((receipt) => receipt !== undefined)
}

/** One that cannot be decided now holds up none of the others. */
async function decideIfDeep(deps: WalletDeps, transaction: OpenTransaction, deep: Receipts): Promise<boolean> {
  const receipt = receiptOf(transaction, deep)
  if (!receipt) return false
  try {
    await decideTransaction(deps, transaction, receipt)
    return true
  } catch (error) {
    const { cause, message } = toAppError(error)
    deps.onProblem('a mined transaction could not be decided; it is tried again', {
      err: cause ?? message,
      hash: receipt.transactionHash,
      network: deps.network.id,
    })
    return false
  }
}

type Moving = { sendings: Sendings; isLowest: boolean }

/** One that cannot be moved now holds up none of those behind it. */
async function moveOrLeave(
  deps: WalletDeps,
  lease: Lease,
  transaction: OpenTransaction,
  moving: Moving,
): Promise<OpenTransaction> {
  try {
    return await move(deps, lease, transaction, moving)
  } catch (error) {
    if ((error as Error).name === 'LeaseLost') throw error
    const { cause, message } = toAppError(error)
    deps.onProblem('a stuck transaction could not be moved; it is tried again', {
      err: cause ?? message,
      nonce: transaction.nonce.toString(),
      network: deps.network.id,
    })
    return transaction
  }
}

/** Only the lowest nonce can be stuck by its fee: what stands behind it waits for it. */
async function move(
  deps: WalletDeps,
  lease: Lease,
  transaction: OpenTransaction,
  { sendings, isLowest }: Moving,
): Promise<OpenTransaction> {
  const sending = sendings.get(transaction.id)
  const newest = transaction.attempts.at(-1) as Attempt
  const ageMs = deps.now() - newest.createdAt.getTime()
  const isOfBytes = sending?.isRefused === 'underpriced' || sending?.isRefused === 'invalid'
  const isStuck = (isOfBytes && ageMs > AFTER_REFUSAL_MS) || (isLowest && ageMs > bumpAfterMs(deps.network))
  // To offer more helps nobody who cannot pay what was offered.
  if (sending && isStuck && sending.isRefused !== 'no_gas_money') {
    const attempt = await nextAttempt(deps, transaction, sending.isRefused === 'invalid')
    if (attempt) {
      const replaced = await deps.store.addAttempt(lease, transaction, attempt)
      await send(deps, replaced, sendings)
      return replaced
    }
  }
  if (!sending || deps.now() - sending.atMs > resendAfterMs(deps.network)) await send(deps, transaction, sendings)
  return transaction
}

/** More for the same, or, where the same cannot be had any more, nothing for the same nonce. Null: at the cap. */
async function nextAttempt(
  deps: WalletDeps,
  transaction: OpenTransaction,
  isInvalid: boolean,
): Promise<NewAttempt | null> {
  const newest = transaction.attempts.at(-1) as Attempt
  const fees = await deps.chain.fees(deps.network)
  const offer = higherOffer(newest, fees, deps.limits.feeCapWei)
  if (!offer && !isInvalid) return null
  const fee = offer ?? firstOffer(fees, deps.limits.feeCapWei)
  const isDead = isInvalid || newest.kind === 'cancel' || (await isExpired(deps, transaction))
  const request = isDead ? cancelOf(deps) : await sameAgain(deps, transaction)
  const signed = await deps.signer.sign({
    chainId: deps.network.chainId,
    nonce: transaction.nonce,
    ...request,
    maxFeePerGas: fee.maxFeeWei,
    maxPriorityFeePerGas: fee.tipWei,
  })
  // The same bytes again are sent again, and are no other attempt.
  if (transaction.attempts.some(({ hash }) => hash === signed.hash)) return null
  return { ...signed, ...fee, gas: request.gas, kind: isDead ? 'cancel' : 'settle' }
}

/** A transfer of nothing to ourselves takes the nonce, so that those behind it can go on. */
function cancelOf({ signer }: WalletDeps) {
  return { to: signer.address, data: '0x', gas: CANCEL_GAS } as const
}
const CANCEL_GAS = 30_000n

async function sameAgain({ store, encodeBatch }: WalletDeps, { id, attempts }: OpenTransaction) {
  const members = await store.membersOf(id)
  const [first] = members
  const gas = (attempts.at(-1) as Attempt).gas
  if (members.length === 1 && first) return { to: first.asset, data: first.callData, gas }
  return { ...encodeBatch(members.map(({ asset, callData }) => ({ target: asset, data: callData }))), gas }
}

async function isExpired({ store, now }: WalletDeps, { id }: OpenTransaction): Promise<boolean> {
  const members = await store.membersOf(id)
  const nowSeconds = BigInt(Math.floor(now() / 1000))
  return members.every(({ validBefore }) => validBefore <= nowSeconds)
}

function resendAfterMs({ blockTimeSeconds }: Network): number {
  return Math.max(LEAST_RESEND_MS, 2 * blockTimeSeconds * SECOND_MS)
}

function bumpAfterMs({ blockTimeSeconds }: Network): number {
  return Math.max(LEAST_BUMP_MS, 3 * blockTimeSeconds * SECOND_MS)
}
