// npm run bench:verify [-- --rounds 5 --seconds 8]: our /verify beside the reference facilitator's, in one run.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startLocalChain } from '@/scripts/local/chain'
import { startCountingProxy } from '@/tests/support/counting-proxy'
import { startRedis } from '@/tests/support/redis'
import { createDatabase, startTestPostgres, startWeb, type WebOptions } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'
import { fundPayers } from './fund-payers'
import { load, type Pids, type Round, type Side } from './load'
import { startNextStart } from './next-start'
import { makeBodies, makePayers } from './payments'
import { median, startNode } from './processes'
import { summariseProfile } from './profile'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '8' },
    payments: { type: 'string', default: '20000' },
  },
})
const ROUNDS = Number(options.rounds)
const SECONDS = Number(options.seconds)
const PAYMENTS = Number(options.payments)
const say = (text: string) => process.stdout.write(`${text}\n`)

async function main(): Promise<void> {
  if (spawnSync('wrk', ['--version']).error) throw new Error('wrk is needed. On Debian: apt-get install wrk')
  const folder = await mkdtemp(join(tmpdir(), 'payproof-bench-'))
  const stops: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true })]
  try {
    await bench(folder, stops)
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
}

async function bench(folder: string, stops: (() => Promise<unknown>)[]): Promise<void> {
  say(`${PAYMENTS} distinct payments, ${ROUNDS} interleaved rounds of ${SECONDS} s, simulation on both sides.`)
  const postgres = await startTestPostgres([])
  stops.push(postgres.stop)
  const redis = await startRedis()
  stops.push(redis.stop)
  const chain = await startLocalChain({ blockSeconds: 2, folder: null })
  stops.push(chain.stop)
  const payers = makePayers(500)
  await fundPayers(chain.chain, payers)
  const bodies = join(folder, 'bodies.jsonl')
  await writeFile(bodies, `${makeBodies(payers, PAYMENTS).join('\n')}\n`)

  const databaseUrl = await createDatabase(postgres.url)
  const { key } = await createTenantWithKey(databaseUrl)
  const shared: WebOptions = { databaseUrl, redisUrl: redis.url, rpcUrls: { 84532: chain.url } }
  const reference = await startNode('reference', 'tests/official/reference-facilitator.mjs', [chain.url])
  const web = await startWeb(shared)
  const nextStart = await startNextStart(shared)
  stops.push(reference.stop, web.stop, nextStart.stop)
  const sides = {
    reference: { server: reference },
    ours: { server: { name: 'ours', url: web.base, pid: web.pid, stop: web.stop }, key },
    nextStart: { server: nextStart, key },
  } satisfies Record<string, Side>

  const pids = { chain: chain.pid, redis: redis.pid(), postgres: postgres.pid }
  const results = await measureRounds(sides, bodies, pids)
  const rpc = await countRpc(shared, key, bodies, chain.url)
  say('\nwhere the time of the web process goes, at 50 connections')
  for (const line of await profile(shared, key, bodies, folder)) say(line)
  report(results, rpc)
}

type Results = Record<'reference50' | 'ours50' | 'nextStart50' | 'reference1' | 'ours1', Round[]>

async function measureRounds(
  { reference, ours, nextStart }: Record<'reference' | 'ours' | 'nextStart', Side>,
  bodies: string,
  pids: Pids,
): Promise<Results> {
  const results: Results = { reference50: [], ours50: [], nextStart50: [], reference1: [], ours1: [] }
  let offset = 0
  const measure = async (side: Side, connections: number, seconds = SECONDS) => {
    const round = await load(side, { bodies, connections, seconds, offset, pids })
    offset = (offset + 4_000) % PAYMENTS
    return round
  }
  for (const side of [reference, ours, nextStart]) await measure(side, 50, 3)
  for (let round = 1; round <= ROUNDS; round++) {
    results.reference50.push(await measure(reference, 50))
    results.ours50.push(await measure(ours, 50))
    results.nextStart50.push(await measure(nextStart, 50))
    results.reference1.push(await measure(reference, 1))
    results.ours1.push(await measure(ours, 1))
    const [a, b, c] = [results.reference50, results.ours50, results.nextStart50].map(
      (list) => list.at(-1)?.perSecond ?? 0,
    )
    say(`round ${round}: reference ${a?.toFixed(0)}/s, ours ${b?.toFixed(0)}/s, next start ${c?.toFixed(0)}/s at c=50`)
  }
  return results
}

/** Counts HTTP requests to the node in a run of its own, for the counting proxy costs time. */
async function countRpc(shared: WebOptions, key: string, bodies: string, chainUrl: string) {
  const proxy = await startCountingProxy(chainUrl)
  const pids = { chain: process.pid, redis: process.pid, postgres: process.pid }
  const measure = async (side: Side) => {
    await load(side, { bodies, connections: 50, seconds: 1, offset: 0, pids })
    proxy.reset()
    const seconds = 4
    const round = await load(side, { bodies, connections: 50, seconds, offset: 2_000, pids })
    return proxy.requests() / (round.perSecond * seconds)
  }
  const web = await startWeb({ ...shared, rpcUrls: { 84532: proxy.url } })
  const reference = await startNode('reference', 'tests/official/reference-facilitator.mjs', [proxy.url])
  try {
    const ours = await measure({ server: { name: 'ours', url: web.base, pid: web.pid, stop: web.stop }, key })
    return { ours, reference: await measure({ server: reference }) }
  } finally {
    await Promise.all([web.stop(), reference.stop(), proxy.stop()])
  }
}

/** In a run of its own, for the profiler costs time. */
async function profile(shared: WebOptions, key: string, bodies: string, folder: string): Promise<string[]> {
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval', '500']
  const web = await startWeb({ ...shared, nodeArgs })
  const side = { server: { name: 'ours', url: web.base, pid: web.pid, stop: web.stop }, key }
  const pids = { chain: process.pid, redis: process.pid, postgres: process.pid }
  try {
    await load(side, { bodies, connections: 50, seconds: 4, offset: 0, pids })
    await load(side, { bodies, connections: 50, seconds: SECONDS, offset: 4_000, pids })
  } finally {
    await web.stop()
  }
  return summariseProfile(folder, SECONDS)
}

function report(results: Results, rpc: { ours: number; reference: number }): void {
  const of = (name: keyof Results, field: keyof Round) => median(results[name].map((round) => round[field]))
  say(
    '\nmedians             req/s   p50 ms   p95 ms   p99 ms   CPU ms each (server + chain)   Postgres + Redis   wrong',
  )
  for (const name of Object.keys(results) as (keyof Results)[]) {
    const cells = [
      of(name, 'perSecond').toFixed(0).padStart(7),
      ...(['p50Ms', 'p95Ms', 'p99Ms'] as const).map((field) => of(name, field).toFixed(2).padStart(8)),
      of(name, 'cpuMsEach').toFixed(3).padStart(16),
      of(name, 'besideMsEach').toFixed(3).padStart(28),
      String(results[name].reduce((sum, round) => sum + round.wrong, 0)).padStart(9),
    ]
    say(`${name.padEnd(17)} ${cells.join(' ')}`)
  }
  say(`RPC requests per verify at c=50: ours ${rpc.ours.toFixed(3)}, reference ${rpc.reference.toFixed(2)}\n`)
  const ratio = (ours: keyof Results, theirs: keyof Results, field: keyof Round) =>
    Number((of(ours, field) / of(theirs, field)).toFixed(4))
  const summary = {
    throughputRatio: ratio('ours50', 'reference50', 'perSecond'),
    throughputRatioNextStart: ratio('nextStart50', 'reference50', 'perSecond'),
    p50RatioC1: ratio('ours1', 'reference1', 'p50Ms'),
    p50RatioC50: ratio('ours50', 'reference50', 'p50Ms'),
    cpuRatio: ratio('ours50', 'reference50', 'cpuMsEach'),
    rpcPerVerify: Number(rpc.ours.toFixed(4)),
    perSecond: Math.round(of('ours50', 'perSecond')),
    p95MsAt50: of('ours50', 'p95Ms'),
    p99MsAt50: of('ours50', 'p99Ms'),
    rounds: ROUNDS,
    payments: PAYMENTS,
    node: process.version,
  }
  say(JSON.stringify(summary))
}

void main()
