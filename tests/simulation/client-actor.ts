import { AppError } from '@/lib/core/errors'
import type { Hex } from '@/lib/core/hex'
import { newId } from '@/lib/core/ids'
import type { SettlementRefusal } from '@/lib/settlements/reasons'
import {
  type SettleOutcome,
  type SettlePaymentDeps,
  type SettlePaymentInput,
  settlePayment,
} from '@/lib/settlements/settle-payment'
import type { SettlementId } from '@/lib/settlements/settlement'
import type { SettlementStore } from '@/lib/settlements/settlement-store'
import { createChainPort } from './chain-port'
import type { SimClient } from './scenario'
import type { Process } from './scheduler'
import { behindGate } from './store-gate'
import type { World } from './world'

/** A seller who asks for one payment, and asks again as official clients do. */
export async function runClient(world: World, client: SimClient, name: string): Promise<void> {
  const { scheduler, random } = world
  const process = scheduler.process(name)
  world.clients.add(process)
  if (client.startMs > 0) await scheduler.sleep(process, client.startMs).done
  const asking = { ...client, seenUnusedAt: client.verifies ? await verify(world, client, process) : null }
  for (let left = client.requests; left > 0; left--) {
    const isOver = await request(world, asking, process)
    if (isOver && !random.chance(0.2)) break
    await scheduler.sleep(process, random.between(200, 5_000)).done
  }
  world.clients.delete(process)
}

/** /verify before /settle: the block at which the authorization was unused is logged. */
async function verify(world: World, client: SimClient, process: Process): Promise<bigint | null> {
  const verdict = await judge(world, client.payment, process).catch(() => null)
  await world.scheduler.sleep(process, world.random.between(0, 4_000)).done
  return verdict && 'block' in verdict ? verdict.block : null
}

type Asking = SimClient & { seenUnusedAt: bigint | null }

/** One request. True: there is nothing more to ask. */
export async function request(world: World, client: Asking, process: Process): Promise<boolean> {
  const { scheduler } = world
  const store = behindGate(world, process, world.webStore, () => new AppError('database_unavailable'))
  const requestId = newId('request', scheduler.nowMs)
  world.requestOf.set(process, requestId)
  world.waitedFor.delete(process)
  const deps = createWebDeps(world, client, { process, store })
  try {
    const outcome = await settlePayment(deps, inputOf(world, client, requestId))
    const isClosed = tell(world, { client, process, requestId }, outcome)
    // As web does: whoever was answered before a repeat may have served it.
    if (isClosed && outcome.kind === 'paid' && !outcome.isReplayed) {
      await store.takeBackGrant(outcome.settlement.id, requestId).catch(() => undefined)
    }
    return !isClosed && (outcome.kind === 'paid' || outcome.kind === 'duplicate')
  } catch (error) {
    tellError(world, process, error as AppError)
    return false
  } finally {
    world.requestOf.delete(process)
  }
}

type Asked = { client: Asking; process: Process; requestId: string }

/** Writes an answer down. True: the seller has hung up before a success. */
function tell(world: World, { client, process, requestId }: Asked, outcome: SettleOutcome): boolean {
  const { kind } = outcome
  const isClosed = kind === 'paid' && client.isFickle
  world.answers.push({ client, requestId, keyHash: client.keyHash, kind, isClosed })
  const reason = kind === 'refused' ? ` ${outcome.refusal.reason}` : ''
  world.scheduler.note(`  ${process.name}: ${kind}${reason}${isClosed ? ', hung up' : ''}`)
  if (kind === 'paid') world.checkGrant(client)
  if (isClosed) client.isFickle = false
  return isClosed
}

function tellError(world: World, process: Process, error: AppError): void {
  world.scheduler.note(`  ${process.name}: ${error.code ?? error}`)
  if (error.code === undefined) world.problems.push(`a request failed by ${error.stack}`)
  if (error.code === 'settlement_unavailable') checkUnsent(world, process)
}

/** That answer says: nothing was sent, and nothing will be. */
function checkUnsent({ tables, problems, waitedFor }: World, process: Process): void {
  const row = tables.rows.get(waitedFor.get(process) as SettlementId)
  if (row && row.releasedAt === null) problems.push(`a row was called unsent that is ${row.state}`)
}

function createWebDeps(
  world: World,
  { payment, seenUnusedAt }: Asking,
  { process, store }: { process: Process; store: SettlementStore },
): SettlePaymentDeps {
  const { scheduler, scenario } = world
  return {
    now: scheduler.now,
    store,
    waitForChange: (id, ms) => {
      world.waitedFor.set(process, id)
      const { done, wake } = scheduler.sleep(process, ms)
      const wakers = world.waiters.get(id) ?? new Set()
      world.waiters.set(id, wakers.add(wake))
      return done.finally(() => wakers.delete(wake))
    },
    judge: () => judge(world, payment, process),
    seenUnusedAt: async () => seenUnusedAt,
    requireReady: async () => undefined,
    quota: { take: async () => undefined, giveBack: async () => undefined },
    waitMs: scenario.waitMs,
  }
}

/** The verdict on a payment now, as /verify would give it. */
async function judge(
  world: World,
  { authorization }: SimClient['payment'],
  process: Process,
): Promise<{ block: bigint } | SettlementRefusal> {
  const { asset, payer, nonce, amount, validBefore, callData } = authorization
  const call = (data: Hex) => ({ target: asset, data, account: payer, gas: 1_000_000n })
  const calls = [call('0x70a08231'), call(`0xe94a0102${nonce.slice(2)}`), call(callData)]
  const chain = createChainPort(world, process)
  const { block, results } = await chain.simulate(world.scenario.network, calls)
  const [balance, state, transfer] = results
  const refused = (reason: string) => ({ reason, message: reason })
  if (validBefore < BigInt(Math.floor(world.scheduler.nowMs / 1_000)) + 6n) {
    return refused('invalid_exact_evm_payload_authorization_valid_before')
  }
  if (state?.word !== 0n) return refused('invalid_exact_evm_nonce_already_used')
  if ((balance?.word ?? 0n) < amount) return refused('invalid_exact_evm_insufficient_balance')
  return transfer?.ok ? { block } : refused('invalid_exact_evm_transaction_simulation_failed')
}

function inputOf({ scheduler, scenario }: World, client: SimClient, requestId: string): SettlePaymentInput {
  const { payment, seller, keyHash, waitUntil } = client
  return {
    tenantId: seller,
    mode: 'test',
    keyId: 'key',
    requestId,
    startedAt: scheduler.nowMs,
    payment: { network: scenario.network, x402Version: 2, transfer: payment.authorization, magic: null },
    requirements: { amount: payment.authorization.amount.toString(), payTo: payment.authorization.payTo },
    terms: { waitUntil, acceptsOthers: true },
    keyHash,
    ...{ resource: null, paymentIdentifier: null, request: '{}', isGone: () => false },
  }
}
