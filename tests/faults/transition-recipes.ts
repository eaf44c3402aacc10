import { setTimeout as sleep } from 'node:timers/promises'
import { encodeFunctionData, type Hex, parseAbi, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { TransitionName } from '@/lib/core/settlement-states'
import { LOCAL_USDC } from '@/scripts/local/chain'
import { TOKEN_OWNER } from '@/scripts/local/dev-accounts'
import { type BenchPayer, makeBodies, makePayers } from '@/tests/bench/payments'
import { buildPayment } from '@/tests/support/build-payment'
import type { GRANT } from '@/tests/support/crash-points'
import { queryDatabase } from '@/tests/support/database'
import { paymentKeyOf, type SettleCall } from '@/tests/support/settle-client'
import { callDataOf } from '@/tests/support/settling'
import { drain, type Lane } from './settlement-lane'

/** Where a process is killed: every change of state, the send between two of them, and the grant after them. */
export type CrashPoint = TransitionName | 'send' | typeof GRANT

export type Recipe = {
  /** Whose process makes this change. */
  by: 'web' | 'worker'
  /** Brings the change about, and sees everything through. Gives what is wrong, or null. */
  run(lane: Lane): Promise<string | null>
}

const PATIENCE_MS = 60_000
/** Two epochs of eight, and a little. */
const BLOCKS_TO_FINAL = 20
const AMOUNT = 1_000n

/**
 * How each change of state is brought about in a running service. The type asks for one of every transition that there
 * is, so that a new one cannot be left out.
 */
export const RECIPES: Record<CrashPoint, Recipe> = {
  claim: { by: 'web', run: settleOne },
  refuse: { by: 'web', run: refuseOne },
  release: { by: 'worker', run: settleTwins },
  sign: { by: 'worker', run: settleOne },
  mine: { by: 'worker', run: settleOne },
  fail: { by: 'worker', run: async (lane) => (await failOne(lane)).wrong },
  retry: { by: 'web', run: retryOne },
  preempt: { by: 'worker', run: preemptOne },
  expire: { by: 'worker', run: expireOne },
  finalize: { by: 'worker', run: finalizeOne },
  reorg: { by: 'worker', run: reorgOne },
  resume: { by: 'worker', run: reorgOne },
  send: { by: 'worker', run: settleOne },
  grant: { by: 'web', run: grantOne },
}

async function settleOne(lane: Lane): Promise<string | null> {
  const call = await lane.settle(lane.newBody())
  return isGranted(call) ? null : wrong('a good payment', call)
}

/** Whoever sends an Idempotency-Key hears the success itself, though it was answered to a dead connection before. */
async function grantOne(lane: Lane): Promise<string | null> {
  const call = await lane.settle(lane.newBody(), true)
  return call.outcome === 'success' ? null : wrong('a good payment', call)
}

async function refuseOne(lane: Lane): Promise<string | null> {
  const body = lane.remember(makeBodies(makePayers(1), 1)[0] as string)
  const call = await lane.settle(body)
  return call.reason === 'invalid_exact_evm_insufficient_balance' ? null : wrong('a payer without money', call)
}

/** Two payments of a payer who has money for one: the other is released before anything of it is signed. */
async function settleTwins(lane: Lane): Promise<string | null> {
  const payer = await newPayer(lane, AMOUNT)
  const twins = makeBodies([payer], 2, AMOUNT).map(lane.remember)
  const calls = await Promise.all(twins.map((body) => lane.settle(body)))
  const isOne = calls.filter(isGranted).length === 1
  const other = calls.find((call) => !isGranted(call))
  const isRefused = other?.reason === 'invalid_exact_evm_insufficient_balance'
  return isOne && isRefused ? null : calls.map((call) => wrong('a twin', call)).join('; ')
}

/** A payer takes his money away between our signature and the next block. */
async function failOne(lane: Lane, body?: string): Promise<{ wrong: string | null; body: string }> {
  const own = body ?? (makeBodies([await newPayer(lane, AMOUNT)], 1, AMOUNT)[0] as string)
  const key = paymentKeyOf(lane.remember(own))
  const payer = key.split('/')[1] as Hex
  lane.mayRevert.add(key)
  await lane.chain.call('evm_setIntervalMining', [0])
  try {
    const answer = lane.settle(own)
    await until(lane, key, `state = 'broadcast'`)
    await untilSent(lane)
    await drain(lane.chain, payer)
    await lane.chain.call('evm_setIntervalMining', [1])
    const call = await answer
    await until(lane, key, `state = 'failed' AND NOT is_ready`)
    return {
      wrong: call.reason === 'invalid_exact_evm_insufficient_balance' ? null : wrong('a drained payer', call),
      body: own,
    }
  } finally {
    await lane.chain.call('evm_setIntervalMining', [1])
  }
}

async function retryOne(lane: Lane): Promise<string | null> {
  const failed = await failOne(lane)
  if (failed.wrong) return failed.wrong
  const { from, value } = authorizationOf(failed.body)
  await transferTokens(lane, from, BigInt(value))
  const call = await lane.settle(failed.body)
  return isGranted(call) ? null : wrong('a payer with money again', call)
}

/** A stranger submits the payment while our worker stands still. */
async function preemptOne(lane: Lane): Promise<string | null> {
  const body = lane.newBody()
  const key = paymentKeyOf(body)
  const [worker] = lane.workers
  worker?.pause()
  try {
    const answer = lane.settle(body)
    await until(lane, key, `state = 'queued'`)
    await lane.chain.send(TOKEN_OWNER.address, LOCAL_USDC, callDataOf(JSON.parse(body)))
    worker?.resume()
    const call = await answer
    const [row] = await rowsOf(lane, key, `state = 'settled_by_other'`)
    return isGranted(call) && row ? null : wrong('a payment that a stranger submitted', call)
  } finally {
    worker?.resume()
  }
}

async function expireOne(lane: Lane): Promise<string | null> {
  const { timestamp } = await lane.chain.call<{ timestamp: Hex }>('eth_getBlockByNumber', ['latest', false])
  const seconds = 30
  const payer = await newPayer(lane, AMOUNT)
  const validBefore = String(Math.max(Number(timestamp), Math.floor(Date.now() / 1000)) + seconds)
  const account = privateKeyToAccount(toHex(payer.privateKey))
  const body = JSON.stringify(
    await buildPayment({ payer: account, amount: String(AMOUNT), authorization: { validBefore } }),
  )
  const failed = await failOne(lane, body)
  if (failed.wrong) return failed.wrong
  await lane.chain.call('evm_increaseTime', [seconds])
  await lane.chain.call('anvil_mine', [toHex(BLOCKS_TO_FINAL)])
  await until(lane, paymentKeyOf(body), `state = 'expired'`)
  return null
}

async function finalizeOne(lane: Lane): Promise<string | null> {
  const body = lane.newBody()
  const call = await lane.settle(body)
  if (!isGranted(call)) return wrong('a good payment', call)
  await lane.chain.call('anvil_mine', [toHex(BLOCKS_TO_FINAL)])
  await until(lane, paymentKeyOf(body), `state = 'final'`)
  return null
}

/** The block of a settlement goes, and nobody but us brings its transaction back. */
async function reorgOne(lane: Lane): Promise<string | null> {
  const body = lane.newBody()
  const key = paymentKeyOf(body)
  const call = await lane.settle(body)
  if (!isGranted(call)) return wrong('a good payment', call)
  const [row] = await rowsOf(lane, key, `state = 'mined'`)
  const head = Number(await lane.chain.call<Hex>('eth_blockNumber'))
  await lane.chain.call('anvil_reorg', [head - Number(row?.block_number) + 1, []])
  await until(lane, key, `state = 'mined' AND version > ${row?.version}`)
  return null
}

const isGranted = ({ outcome }: SettleCall) => outcome === 'success' || outcome === 'duplicate'

function wrong(what: string, { outcome, reason }: SettleCall): string {
  return `${what}: ${outcome} ${reason}`
}

async function newPayer(lane: Lane, amount: bigint): Promise<BenchPayer> {
  const [payer] = makePayers(1)
  if (!payer) throw new Error('there is no payer')
  await transferTokens(lane, payer.address, amount)
  return payer
}

const TOKEN = parseAbi([
  'function transfer(address, uint256) returns (bool)',
  'function transferWithAuthorization(address, address, uint256, uint256, uint256, bytes32, bytes)',
])

async function transferTokens({ chain }: Lane, to: Hex, amount: bigint): Promise<void> {
  const data = encodeFunctionData({ abi: TOKEN, functionName: 'transfer', args: [to, amount] })
  await chain.send(TOKEN_OWNER.address, LOCAL_USDC, data)
}

type Body = {
  paymentPayload: {
    payload: {
      signature: Hex
      authorization: { from: Hex; to: Hex; value: string; validAfter: string; validBefore: string; nonce: Hex }
    }
  }
}

const authorizationOf = (body: string) => (JSON.parse(body) as Body).paymentPayload.payload.authorization

type Row = { id: string; block_number: string | null; version: number }

async function rowsOf({ databaseUrl }: Lane, key: string, condition: string): Promise<Row[]> {
  const text = `SELECT id, block_number::text, version FROM settlements WHERE payment_key = $1 AND ${condition}`
  return queryDatabase<Row>(databaseUrl, text, [key])
}

async function until(lane: Lane, key: string, condition: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while ((await rowsOf(lane, key, condition)).length === 0) {
    if (Date.now() > deadline) throw new Error(`after ${PATIENCE_MS / 1_000} s it is not so: ${condition}`)
    await sleep(20)
  }
}

/** Waits until what was signed lies in the node's pool. */
async function untilSent({ chain }: Lane): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const { pending } = await chain.call<{ pending: Hex }>('txpool_status')
    if (Number(pending) > 0) return
    if (Date.now() > deadline) throw new Error('nothing was sent')
    await sleep(20)
  }
}
