import { setTimeout as sleep } from 'node:timers/promises'
import { fundPayers } from '@/tests/bench/fund-payers'
import { type BenchPayer, makeBodies, makePayers } from '@/tests/bench/payments'
import { median } from '@/tests/bench/processes'
import { percentile, preciseNow } from '@/tests/support/open-loop'
import { type RpcProxy, startRpcProxy } from '@/tests/support/rpc-proxy'
import { createTenantWithKey } from '@/tests/support/tenants'
import { createVerifyClient, type VerifyAnswer } from '@/tests/support/verify-client'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import { placeWallet, walletBody } from './payments'
import type { Bounds, RunOptions, Scenario } from './scenario'
import type { Stage } from './stage'

const BESIDE = 3
const WARM_UP_TRIES = 3
const LEAST_TRIES = 25
const TRY_MS = 15
/** Calls gather while a batch is under way: one that the node answers so late makes a batch of what comes meanwhile. */
const HELD_MS = 15
const MOST_DELAY_MS = 20

type PoisonFigures = Awaited<ReturnType<typeof runPoison>>

const BOUNDS: Bounds<PoisonFigures> = {
  'three looping wallets delay the good payment of an account by less than 20 ms': ({ account }) =>
    account.tries >= LEAST_TRIES && account.delayMs < MOST_DELAY_MS,
  'three looping wallets delay the good payment of a wallet by less than 20 ms': ({ wallet }) =>
    wallet.tries >= LEAST_TRIES && wallet.delayMs < MOST_DELAY_MS,
  'more often than not they stood in one batch with it': ({ wallet }) => wallet.inOneBatch > wallet.tries / 2,
  'every looping payment is refused as itself': ({ looping }) => looping.refused === looping.sent,
  'every good payment is valid': ({ good }) => good.valid === good.sent,
}

export const POISON_SCENARIO: Scenario<PoisonFigures> = {
  name: 'wallets that loop for ever',
  bounds: BOUNDS,
  run: (stage, options) => withCleanup((atEnd) => runPoison(stage, options, atEnd)),
}

type Kind = 'account' | 'wallet'
type Beside = 'looping' | 'ordinary'
type Try = { kind: Kind; beside: Beside; ms: number; inOneBatch: boolean; good: VerifyAnswer; others: VerifyAnswer[] }

/** A good payment sent together with three that loop, and in turn with three of ordinary contract wallets. */
async function runPoison(stage: Stage, { seconds }: RunOptions, atEnd: AtEnd) {
  const tryOne = await prepare(stage, atEnd)
  const rounds = Math.max(LEAST_TRIES, Math.floor((seconds * 1_000) / (4 * TRY_MS)))
  const tries: Try[] = []
  for (let round = -WARM_UP_TRIES; round < rounds; round++) {
    for (const kind of ['account', 'wallet'] as const) {
      for (const beside of ['looping', 'ordinary'] as const) {
        const one = await tryOne(kind, beside)
        if (round >= 0) tries.push(one)
      }
    }
  }
  const looping = tries.filter(({ beside }) => beside === 'looping')
  const refused = looping.flatMap(({ others }) => others)
  const accepted = tries.flatMap(({ good, beside, others }) => (beside === 'looping' ? [good] : [good, ...others]))
  return {
    account: compare(tries.filter(({ kind }) => kind === 'account')),
    wallet: compare(tries.filter(({ kind }) => kind === 'wallet')),
    looping: { sent: refused.length, refused: refused.filter(isRefusedByWallet).length },
    good: { sent: accepted.length, valid: accepted.filter(({ isValid }) => isValid === true).length },
  }
}

const isRefusedByWallet = ({ status, isValid, reason }: VerifyAnswer) =>
  status === 200 && isValid === false && reason === 'invalid_exact_evm_signature'

/** Everything ready for tries, of which each sends four payments that nobody has seen. */
async function prepare(stage: Stage, atEnd: AtEnd) {
  const proxy = await startRpcProxy(stage.running.url)
  atEnd(proxy.stop)
  const [web, { key }] = await Promise.all([
    stage.startWeb({ rpcUrl: proxy.url }),
    createTenantWithKey(stage.databaseUrl),
  ])
  atEnd(web.stop)
  const client = createVerifyClient(web.url)
  atEnd(client.close)
  const payers = await placePayers(stage)
  const verify = (body: string) => client.verify(key, body)

  return async (kind: Kind, beside: Beside): Promise<Try> => {
    const bodies = await Promise.all(payers[beside].map(({ address }) => walletBody(address)))
    const good = kind === 'account' ? accountBody(payers.account) : await walletBody(payers.wallet.address)
    const held = await holdUp(proxy, payers.first, verify)
    const wasInOneBatch = watchBatches(proxy, [...payers[beside], payers[kind]])
    const sentAt = preciseNow()
    const others = bodies.map(verify)
    const answer = await verify(good)
    const ms = preciseNow() - sentAt
    const answers = await Promise.all([...others, held.answer])
    // Else the node may still be at work for this try when the next one is measured.
    await sleep(TRY_MS)
    return { kind, beside, ms, inOneBatch: wasInOneBatch(), good: answer, others: answers.slice(0, BESIDE) }
  }
}

/** Sends a payment of a wallet whose calls the node answers late, and settles once they are under way. */
async function holdUp(proxy: RpcProxy, { address }: BenchPayer, verify: (body: string) => Promise<VerifyAnswer>) {
  const name = address.slice(2).toLowerCase()
  const isUnderWay = { code: false, wallet: false }
  proxy.fault = async ({ questions, response, ask }) => {
    const entries = await ask(questions)
    if (JSON.stringify(questions).includes(name)) await sleep(HELD_MS)
    response.end(JSON.stringify(entries))
  }
  proxy.onBatch = (body) => {
    isUnderWay.code ||= body.includes(name) && body.includes('eth_getCode')
    isUnderWay.wallet ||= body.includes(name) && body.includes('eth_call')
  }
  const answer = verify(await walletBody(address))
  while (!isUnderWay.code || !isUnderWay.wallet) await sleep(1)
  return { answer }
}

async function placePayers({ running: { chain } }: Stage) {
  const place = (code: 'loops' | 'acceptsAll') =>
    Promise.all(Array.from({ length: BESIDE }, () => placeWallet(chain, code)))
  const [looping, ordinary] = await Promise.all([place('loops'), place('acceptsAll')])
  const [wallet, first] = await Promise.all([placeWallet(chain, 'acceptsAll'), placeWallet(chain, 'acceptsAll')])
  const account = makePayers(1)[0] as BenchPayer
  await fundPayers(chain, [...looping, ...ordinary, wallet, first, account])
  return { looping, ordinary, wallet, first, account }
}

function accountBody(payer: BenchPayer): string {
  return makeBodies([payer], 1)[0] as string
}

/** Tells later whether one batch with calls for all these payers went to the node. */
function watchBatches(proxy: RpcProxy, payers: readonly BenchPayer[]): () => boolean {
  const wanted = payers.map(({ address }) => address.slice(2).toLowerCase())
  let wasSeen = false
  proxy.onBatch = (body) => {
    wasSeen ||= wanted.every((address) => body.includes(address))
  }
  return () => wasSeen
}

function compare(tries: readonly Try[]) {
  const round = (ms: number) => Math.round(ms * 10) / 10
  const msBeside = (wanted: Beside) => tries.filter(({ beside }) => beside === wanted).map(({ ms }) => ms)
  const [looping, ordinary] = [msBeside('looping'), msBeside('ordinary')]
  return {
    tries: looping.length,
    inOneBatch: tries.filter(({ beside, inOneBatch }) => beside === 'looping' && inOneBatch).length,
    medianMs: { withLooping: round(median(looping)), withOrdinary: round(median(ordinary)) },
    p95Ms: { withLooping: percentile(looping, 0.95), withOrdinary: percentile(ordinary, 0.95) },
    delayMs: round(median(looping) - median(ordinary)),
  }
}
