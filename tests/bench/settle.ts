// npm run bench:settle [-- --rounds 3 --payments 3000 --in-flight 1000 --sides both]: our /settle beside the reference
// facilitator's, one wallet each, on one chain with a block a second.
import { parseArgs } from 'node:util'
import { bytesToHex } from 'viem'
import { surviveClosedOutput } from '@/lib/adapters/telemetry/closed-output'
import { type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { startRedis } from '@/tests/support/redis'
import { createDatabase, startTestPostgres, startWeb, startWorker } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'
import { fundPayers } from './fund-payers'
import { makeBodies, makePayers } from './payments'
import { startNode } from './processes'
import { type SettleSide, settleRound } from './settle-load'
import { lineOf, type SettleResults, summaryOf, tableOf } from './settle-report'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    payments: { type: 'string', default: '3000' },
    'in-flight': { type: 'string', default: '1000' },
    sides: { type: 'string', default: 'both' },
  },
})
const ROUNDS = Number(options.rounds)
const PAYMENTS = Number(options.payments)
const IN_FLIGHT = Number(options['in-flight'])
if (!['reference', 'ours', 'both'].includes(options.sides)) throw new Error('--sides is reference, ours or both')

// anvil prints these keys for everybody: development only. One wallet each.
const REFERENCE_WALLET = DEV_ACCOUNTS[2] as (typeof DEV_ACCOUNTS)[number]
const OUR_WALLET = DEV_ACCOUNTS[3] as (typeof DEV_ACCOUNTS)[number]

const PLENTY = String(10n ** 21n)
const GENEROUS = {
  X402_GAS_BUDGET_TENANT_WEI: PLENTY,
  X402_GAS_BUDGET_PAYER_WEI: PLENTY,
  X402_SPEND_CAP_WALLET_WEI: PLENTY,
}
const FIFTY = { count: 500, inFlight: 50, seconds: 10 }
const NO_END = 3_600

const say = (text: string) => process.stdout.write(`${text}\n`)

type Stop = () => Promise<unknown>

async function main(): Promise<void> {
  surviveClosedOutput()
  const stops: Stop[] = []
  const stopAll = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) await stop().catch((error: Error) => say(error.message))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stopAll().finally(() => process.exit(1)))
  }
  try {
    await bench(stops)
  } finally {
    await stopAll()
  }
}

async function bench(stops: Stop[]): Promise<void> {
  say(`${PAYMENTS} payments, ${IN_FLIGHT} in flight, and 50 connections; ${ROUNDS} interleaved rounds, 1 s blocks.`)
  const chain = await startLocalChain({ blockSeconds: 1, folder: null })
  stops.push(chain.stop)
  const payers = makePayers(500)
  await fundPayers(chain.chain, payers)
  const sides: SettleSide[] = []
  if (options.sides !== 'ours') sides.push(await startReference(chain, stops))
  if (options.sides !== 'reference') sides.push(await startOurs(chain, stops))

  for (const side of sides) await warmUp(side, makeBodies(payers, IN_FLIGHT), chain)
  const results = await measureRounds(sides, chain, (count) => makeBodies(payers, count))
  say('')
  for (const line of tableOf(results, IN_FLIGHT)) say(line)
  const summary = summaryOf(results)
  process.exitCode = summary.unlikeTheChain === 0 ? 0 : 1
  say(`\n${JSON.stringify({ ...summary, rounds: ROUNDS, payments: PAYMENTS, node: process.version })}`)
}

/** Every round has payments of its own, signed before its clock runs, and each side goes first in turn. */
async function measureRounds(
  sides: readonly SettleSide[],
  chain: RunningChain,
  sign: (count: number) => string[],
): Promise<SettleResults> {
  const results: SettleResults = { many: { reference: [], ours: [] }, fifty: { reference: [], ours: [] } }
  for (let round = 1; round <= ROUNDS; round++) {
    const order = round % 2 === 1 ? sides : [...sides].reverse()
    for (const side of order) {
      const load = { bodies: sign(PAYMENTS), inFlight: IN_FLIGHT, seconds: NO_END }
      const measured = await settleRound(side, load, chain)
      results.many[side.name].push(measured)
      say(lineOf(`round ${round}, ${side.name}, ${IN_FLIGHT} in flight`, measured))
    }
    for (const side of order) {
      const measured = await settleRound(side, { ...FIFTY, bodies: sign(FIFTY.count) }, chain)
      results.fifty[side.name].push(measured)
      say(lineOf(`round ${round}, ${side.name}, 50 connections`, measured))
    }
  }
  return results
}

/** Compiles what is compiled once; a side that settles nothing is not worth an hour of rounds. */
async function warmUp(side: SettleSide, bodies: readonly string[], chain: RunningChain): Promise<void> {
  const round = await settleRound(side, { bodies, inFlight: IN_FLIGHT, seconds: NO_END }, chain)
  say(lineOf(`warm-up, ${side.name}`, round))
  if (round.settled === 0) throw new Error(`${side.name} settles nothing`)
}

async function startReference(chain: RunningChain, stops: Stop[]): Promise<SettleSide> {
  const args = [chain.url, keyOf(REFERENCE_WALLET), '--nonce-manager']
  const { url, pid, stop } = await startNode('reference', 'tests/official/reference-facilitator.mjs', args)
  stops.push(stop)
  const wallet = REFERENCE_WALLET.address
  return { name: 'reference', url, warmPath: '/supported', key: null, pids: [pid], besidePids: [], wallet }
}

async function startOurs(chain: RunningChain, stops: Stop[]): Promise<SettleSide> {
  const postgres = await startTestPostgres([])
  stops.push(postgres.stop)
  const redis = await startRedis()
  stops.push(redis.stop)
  const databaseUrl = await createDatabase(postgres.url)
  // The bench's tenant is without limits.
  const { key } = await createTenantWithKey(databaseUrl)
  const shared = { databaseUrl, redisUrl: redis.url, rpcUrls: { 84532: chain.url } }
  const worker = await startWorker({ ...shared, env: { ...GENEROUS, X402_SIGNER_KEYS: keyOf(OUR_WALLET) } })
  stops.push(worker.stop)
  const web = await startWeb({ ...shared, env: GENEROUS })
  stops.push(web.stop)
  const pids = [web.pid, worker.pid]
  const besidePids = [postgres.pid, redis.pid()]
  return { name: 'ours', url: web.base, warmPath: '/livez', key, pids, besidePids, wallet: OUR_WALLET.address }
}

function keyOf(account: (typeof DEV_ACCOUNTS)[number]): string {
  return bytesToHex(account.getHdKey().privateKey as Uint8Array)
}

void main()
