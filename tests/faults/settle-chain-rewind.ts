import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'
import type { Logger } from '@/lib/adapters/telemetry/logger'
import { startSettler } from '@/lib/create-settler'
import { parseEnv } from '@/lib/env'
import { LOCAL_CHAIN_ID, type RunningChain, startLocalChain } from '@/scripts/local/chain'
import { privateKeyOf } from '@/scripts/local/dev-accounts'
import { createDatabase, type RunningWeb, startWeb } from '@/tests/support/stack'
import { createTenantWithKey } from '@/tests/support/tenants'
import { type AtEnd, withCleanup } from '@/tests/support/with-cleanup'
import type { Bounds } from './scenario'
import { blockNumber, replay, stopMining, until } from './settle-chain-chain'
import { type Call, createSettleClient } from './settle-chain-client'
import { judgeLane, untilQuiet } from './settle-chain-judge'
import { fundedPayers, type SignedPayment, signPayment } from './settle-chain-payments'
import { type Judged, onlyOf, rowOf, type Size, untilSent, untilStates } from './settle-chain-scenario'
import { LANE_ENV, type Lane, type SettleStage, WALLET } from './settle-chain-stage'

const LOST: Record<Size, number> = { short: 4, long: 60 }
const PATIENCE_MS = 30_000

/** A service whose chain is kept in a folder, so that it can fall back to an older state of it. */
type House = { folder: string; databaseUrl: string; key: string; history: Call[]; told: string[]; pool: Pool }
type Opened = Lane & { settler: { stop(): Promise<void> } }

type Figures = Awaited<ReturnType<typeof rewind>>

export const REWIND: { name: string; bounds: Bounds<Judged> } = {
  name: 'the embedded chain comes back without its last blocks',
  bounds: onlyOf<Figures>({
    'it lost blocks with settlements in them, and an open transaction': ({ blocksLost, lost, wasOpen }) =>
      blocksLost > 0 && lost > 0 && wasOpen,
    'every lost row becomes reorged, and is paid again': ({ lost, cameBack }) => cameBack === lost,
    'rows whose blocks are there are left as they are': ({ kept, untouched }) => untouched === kept,
    'what was open is paid, and granted to who asks again': ({ openIsPaid }) => openIsPaid,
    'the start says what was lost': ({ told }) => told > 0,
  }),
}

/** The chain is killed and comes back without its last blocks, as after a power cut; the service starts again upon it. */
export function runRewind(stage: SettleStage, size: Size) {
  return withCleanup((atEnd) => rewind(stage, size, atEnd))
}

async function rewind(stage: SettleStage, size: Size, atEnd: AtEnd) {
  const folder = await mkdtemp(join(tmpdir(), 'payproof-chain-'))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  const databaseUrl = await createDatabase(stage.databaseServer)
  const { key } = await createTenantWithKey(databaseUrl)
  const pool = new Pool({ connectionString: databaseUrl, max: 4 })
  atEnd(() => pool.end())
  const house: House = { folder, databaseUrl, key, history: [], told: [], pool }

  const before = await openHouse(house, atEnd)
  const payments = (await fundedPayers(before.chain, LOST[size] + 5)).map((payer) => signPayment(payer))
  const [kept, byOther, open, ...lost] = [payments.slice(0, 3), payments[3], payments[4], ...payments.slice(5)] as [
    SignedPayment[],
    SignedPayment,
    SignedPayment,
    ...SignedPayment[],
  ]
  await settleAll(before, kept)
  const state = await savedState(house)
  await settleAll(before, lost)
  await preempted(before, byOther)
  await until(
    'what will be lost is final',
    async () => (await finalRows(before, [...lost, byOther])) === lost.length + 1,
  )
  await stopMining(before.chain)
  const interrupted = before.client.settle(open).catch(() => null)
  const [wasOpen] = await untilSent(before, [open])
  const headBefore = await blockNumber(before.chain)
  process.kill(before.running.pid, 'SIGKILL')
  await Promise.all([before.settler.stop(), before.web.stop()])
  await interrupted
  await cp(state, join(folder, 'chain.json'))

  house.told.length = 0
  const after = await openHouse(house, atEnd)
  const headAfter = await blockNumber(after.chain)
  await untilQuiet(after, PATIENCE_MS)
  const rows = await Promise.all([...lost, byOther].map((payment) => rowOf(after, payment)))
  const retried = await after.client.settle(open)
  return {
    blocksLost: headBefore - headAfter,
    lost: rows.length,
    cameBack: rows.filter((row) => row?.history.includes('reorg') && PAID.includes(row.state)).length,
    untouched: (await Promise.all(kept.map((payment) => rowOf(after, payment)))).filter(
      (row) => !row?.history.includes('reorg'),
    ).length,
    kept: kept.length,
    wasOpen: wasOpen?.state === 'broadcast',
    openIsPaid: retried.success,
    told: house.told.filter((text) => text.includes('is behind the database')).length,
    problems: await judgeLane(after),
  }
}

const PAID = ['mined', 'final', 'settled_by_other']

async function openHouse(house: House, atEnd: AtEnd): Promise<Opened> {
  const { folder, databaseUrl, key, history, told, pool } = house
  const running: RunningChain = await startLocalChain({ blockSeconds: 1, folder })
  atEnd(running.stop)
  const rpcUrls = { [LOCAL_CHAIN_ID]: running.url }
  const env = { ...LANE_ENV, X402_SIGNER_KEYS: privateKeyOf(WALLET), X402_CHAIN_REWINDS: 'true' }
  const settings = parseEnv({ ...env, DATABASE_URL: databaseUrl, [`X402_RPC_EIP155_${LOCAL_CHAIN_ID}`]: running.url })
  const settlerPool = new Pool({ connectionString: databaseUrl, max: 6 })
  const logger = { warn: (_: unknown, text: string) => void told.push(text), info: () => undefined }
  const settler = onceStopped(await startSettler(settings, settlerPool, logger as unknown as Logger))
  atEnd(async () => {
    await settler.stop()
    await settlerPool.end()
  })
  const web: RunningWeb = onceStopped(await startWeb({ databaseUrl, rpcUrls, env: { ...LANE_ENV } }))
  atEnd(web.stop)
  const client = createSettleClient(web.base, key, history)
  atEnd(client.close)
  const opened = { running, chain: running.chain, databaseUrl, pool, web, client, otherClient: client, settler }
  return opened as unknown as Opened
}

function onceStopped<Started extends { stop(): Promise<void> }>(started: Started): Started {
  let ended: Promise<void> | null = null
  const stop = () => {
    ended ??= started.stop()
    return ended
  }
  return { ...started, stop }
}

async function settleAll({ client }: Opened, payments: readonly SignedPayment[]): Promise<void> {
  const answers = await Promise.all(payments.map((payment) => client.settle(payment)))
  const refused = answers.find(({ success }) => !success)
  if (refused) throw new Error(`a payment was not settled before the chain fell back: ${JSON.stringify(refused)}`)
}

/** Somebody else is first, while no worker looks. */
async function preempted(house: Opened, payment: SignedPayment): Promise<void> {
  const { rows } = await house.pool.query<{ address: string }>('SELECT address FROM wallets')
  await house.pool.query(`UPDATE wallets SET lease_owner = 'nobody', lease_until = now() + interval '6 seconds'`)
  const answer = house.client.settle(payment)
  await untilStates(house, [payment], ['queued'])
  await replay(house.chain, [payment])
  if (!(await answer).success || rows.length === 0) throw new Error('the preempted payment was not granted')
}

async function finalRows({ pool }: Opened, payments: readonly SignedPayment[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM settlements WHERE nonce = ANY($1::text[])
      AND (state = 'final' OR (state = 'settled_by_other' AND is_final))`,
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  return rows[0]?.count ?? 0
}

/** A copy of the state that the chain saves every few seconds, with all that has happened until now. */
async function savedState({ folder }: House): Promise<string> {
  const [file, copy] = [join(folder, 'chain.json'), join(folder, 'copy.json')]
  const since = Date.now()
  await until('the chain has saved its state', async () => {
    const saved = await stat(file).catch(() => null)
    return saved !== null && saved.mtimeMs > since + 1_000
  })
  for (;;) {
    await cp(file, copy)
    const isWhole = await readFile(copy, 'utf8')
      .then(JSON.parse)
      .then(Boolean, () => false)
    if (isWhole) return copy
    await sleep(100)
  }
}
