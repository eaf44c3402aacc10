import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from 'viem'
import { baseFee, quantity, receiptsOf, restoreBaseFee, until, withoutMining } from './settle-chain-chain'
import { fundedPayers, type Payer, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, rowOf, scenario, untilStates } from './settle-chain-scenario'
import type { Lane } from './settle-chain-stage'
import { ADDRESS, finish, RECOVERY_MS, settleApart } from './settle-chain-waves'

const FEE_CAP_WEI = 200_000_000_000n

const UNDERPRICED = scenario({
  name: 'the base fee grows fiftyfold while transactions are open',
  async run(lane) {
    const { chain } = lane
    await restoreBaseFee(chain)
    const payments = (await fundedPayers(chain, 4)).map((payer) => signPayment(payer))
    const before = await baseFee(chain)
    let answers: Awaited<ReturnType<typeof settleApart>> = []
    let after = 0n
    const since = await headNumber(lane)
    await withoutMining(chain, async () => {
      answers = await settleApart(lane, payments)
      await chain.call('anvil_setNextBlockBaseFeePerGas', [quantity(before * 50n)])
      await chain.call('evm_mine')
      after = await baseFee(chain)
    })
    const startedAt = performance.now()
    // It stays where it is until ours are mined: by itself it would fall by an eighth a block.
    const hold = holdBaseFee(lane, after)
    const wave = await finish(lane, payments, answers, startedAt)
    await hold.end()
    await restoreBaseFee(chain)
    const { rows } = await lane.pool.query<BumpRow>(BUMPED, [payments.map(({ transfer }) => transfer.nonce)])
    const paid = (await receiptsOf(chain, ADDRESS, since)).map(({ effectiveGasPrice }) => BigInt(effectiveGasPrice))
    return {
      ...wave,
      grown: Number(after / before),
      transactions: rows.length,
      bumped: rows.filter(({ attempts, is_newest }) => Number(attempts) > 1 && is_newest).length,
      highestOffer: most(rows.map(({ offer }) => BigInt(offer))).toString(),
      highestPaid: most(paid).toString(),
    }
  },
  bounds: {
    'the base fee was fifty times what it had been': ({ grown }) => grown >= 45,
    'every one was bumped, with the nonce it had': ({ bumped, transactions }) =>
      transactions > 0 && bumped === transactions,
    'all are mined within 60 s': ({ minedMs }) => minedMs <= RECOVERY_MS,
    'what was offered is below the cap': ({ highestOffer }) => BigInt(highestOffer) <= FEE_CAP_WEI,
    'what was paid is below the cap': ({ highestPaid }) => BigInt(highestPaid) <= FEE_CAP_WEI,
    'every caller is told of his success': ({ settled, payments }) => settled === payments,
  },
})

type BumpRow = { attempts: string; is_newest: boolean; offer: string }
const BUMPED = `SELECT count(attempt.hash)::text AS attempts, max(attempt.max_fee_wei)::text AS offer,
    tx.mined_hash <> (array_agg(attempt.hash ORDER BY attempt.created_at))[1] AS is_newest
  FROM chain_transactions AS tx JOIN chain_attempts AS attempt ON attempt.transaction_id = tx.id
  WHERE tx.id IN (SELECT transaction_id FROM settlements WHERE nonce = ANY($1::text[])) GROUP BY tx.id`

const most = (values: readonly bigint[]) => values.reduce((high, value) => (value > high ? value : high), 0n)

async function headNumber({ chain }: Lane): Promise<number> {
  return Number(await chain.call<Hex>('eth_blockNumber'))
}

/** Every next block has this base fee. */
function holdBaseFee({ chain }: Lane, wei: bigint) {
  const set = () => chain.call('anvil_setNextBlockBaseFeePerGas', [quantity(wei)]).catch(() => undefined)
  const timer = setInterval(() => void set(), 200)
  return {
    async end() {
      clearInterval(timer)
    },
  }
}

type Report = {
  problem: string | null
  wallets: { isLow: boolean; settlementsLeft: number }[]
}

const reportOf = async ({ pool }: Lane): Promise<Report | undefined> =>
  (await pool.query<{ report: Report }>('SELECT report FROM network_reports')).rows[0]?.report

/** What /health says of the network. */
async function settlingOf({ client }: Lane): Promise<Report | undefined> {
  const { body } = await client.get('/health')
  const { checks } = body as { checks: { networks: Record<string, { settling?: Report }> } }
  return Object.values(checks.networks)[0]?.settling
}

const OUT_OF_GAS_MONEY = scenario({
  name: 'the wallet runs out of money for gas',
  async run(lane) {
    const { chain, client } = lane
    await restoreBaseFee(chain)
    const payments = (await fundedPayers(chain, 3)).map((payer) => signPayment(payer))
    const [first, second, third] = payments as [SignedPayment, SignedPayment, SignedPayment]
    const full = await chain.call<Hex>('eth_getBalance', [ADDRESS, 'latest'])
    // A few dozen settlements at the price of now.
    await chain.call('anvil_setBalance', [ADDRESS, quantity((await baseFee(chain)) * 55_000n * 60n)])
    const low = await until('a low balance is told', async () => {
      const settling = await settlingOf(lane)
      return settling?.wallets[0]?.isLow ? settling : null
    })
    const { success: settledWhileLow } = await client.settle(first)
    await chain.call('anvil_setBalance', [ADDRESS, '0x0'])
    const early = new Map([second, third].map((payment) => [payment, client.settle(payment)]))
    await untilStates(lane, [second, third], ['broadcast'])
    await until('the problem is told', async () => (await reportOf(lane))?.problem)
    const { refused, refusal } = await firstRefused(lane, early)
    const rowsOfRefused = (await rowOf(lane, refused)) ? 1 : 0
    await until('it was tried for longer than a bump takes', async () => (await oldestOpen(lane)) > 8)
    const attemptsWhileEmpty = await mostAttempts(lane)
    await chain.call('anvil_setBalance', [ADDRESS, full])
    const wave = await finish(lane, [...early.keys()], [...early.values()], performance.now())
    const afterwards = await until('it goes on', async () => {
      const answer = await client.settle(refused)
      return answer.status === 200 ? answer.success : null
    })
    return {
      low: { problem: low.problem, isLow: true, settlementsLeft: low.wallets[0]?.settlementsLeft ?? 0 },
      settledWhileLow,
      survivors: wave.settled,
      claimedBefore: wave.payments,
      refusal: { status: refusal.status, code: refusal.code, ms: refusal.ms },
      rowsOfRefused,
      attemptsWhileEmpty,
      afterwards,
      minedMs: wave.minedMs,
    }
  },
  bounds: {
    'health tells a low balance while there is still some': ({ low }) =>
      low.problem === null && low.isLow && low.settlementsLeft > 0,
    'a payment is settled with the last of it': ({ settledWhileLow }) => settledWhileLow,
    'what was claimed before the report is not lost': ({ survivors, claimedBefore }) => survivors === claimedBefore,
    'then a new payment is answered 503 at once': ({ refusal }) =>
      refusal.status === 503 && refusal.code === 'settlement_unavailable' && refusal.ms < PROBE_MS,
    'a refused payment left no row': ({ rowsOfRefused }) => rowsOfRefused === 0,
    'no fee grows while the one thing that lacks is money': ({ attemptsWhileEmpty }) => attemptsWhileEmpty === 1,
    'with money again it goes on, the refused payment too': ({ afterwards }) => afterwards,
    'all are mined within 60 s': ({ minedMs }) => minedMs <= RECOVERY_MS,
  },
})

/** Web knows the report within a second: until then it takes payments, which wait like those before. */
async function firstRefused(lane: Lane, early: Map<SignedPayment, ReturnType<Lane['client']['settle']>>) {
  for (;;) {
    const [payer] = await fundedPayers(lane.chain, 1)
    const payment = signPayment(payer as Payer)
    const asked = lane.client.settle(payment)
    const answer = await Promise.race([asked, sleep(PROBE_MS, null)])
    if (answer?.status === 503) return { refused: payment, refusal: answer }
    early.set(payment, asked)
    if (early.size > MOST_PROBES) throw new Error('no claim is refused')
  }
}

const PROBE_MS = 3_000
const MOST_PROBES = 20

async function oldestOpen({ pool }: Lane): Promise<number> {
  const { rows } = await pool.query<{ age: number }>(
    `SELECT EXTRACT(epoch FROM now() - min(created_at))::float8 AS age FROM chain_transactions WHERE state = 'open'`,
  )
  return rows[0]?.age ?? 0
}

async function mostAttempts({ pool }: Lane): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM chain_attempts AS attempt JOIN chain_transactions AS tx
      ON tx.id = attempt.transaction_id WHERE tx.state = 'open' GROUP BY tx.id ORDER BY 1 DESC LIMIT 1`,
  )
  return rows[0]?.count ?? 0
}

const ABOVE_THE_CAP = scenario({
  name: 'gas costs more than we ever offer',
  async run(lane) {
    const { chain, client } = lane
    await restoreBaseFee(chain)
    const payments = (await fundedPayers(chain, 2)).map((payer) => signPayment(payer))
    const early = new Map<SignedPayment, ReturnType<Lane['client']['settle']>>()
    const hold = await withoutMining(chain, async () => {
      const answers = await settleApart(lane, payments)
      for (const [index, payment] of payments.entries()) {
        early.set(payment, answers[index] as ReturnType<Lane['client']['settle']>)
      }
      return holdBaseFee(lane, (FEE_CAP_WEI * 3n) / 2n)
    })
    const { refused, refusal } = await firstRefused(lane, early)
    await until('the cap was offered', async () => (await highestOffer(lane, payments)) === FEE_CAP_WEI)
    await until('nothing more was signed for longer than a bump takes', async () => (await newestAttemptAge(lane)) > 8)
    await hold.end()
    await restoreBaseFee(chain)
    const wave = await finish(lane, [...early.keys()], [...early.values()], performance.now())
    const afterwards = await until('it goes on', async () => {
      const answer = await client.settle(refused)
      return answer.status === 200 ? answer.success : null
    })
    const offer = (await highestOffer(lane, payments)).toString()
    return { ...wave, offer, refusal: { status: refusal.status, code: refusal.code }, afterwards }
  },
  bounds: {
    'a new payment is answered that the network is paused': ({ refusal }) =>
      refusal.status === 503 && refusal.code === 'network_paused',
    'the cap is offered, and never more': ({ offer }) => BigInt(offer) === FEE_CAP_WEI,
    'when gas is cheaper all are mined within 60 s, and every caller is told so': ({ settled, payments, minedMs }) =>
      settled === payments && minedMs <= RECOVERY_MS,
    'and the refused payment is settled': ({ afterwards }) => afterwards,
  },
})

async function highestOffer({ pool }: Lane, payments: readonly SignedPayment[]): Promise<bigint> {
  const { rows } = await pool.query<BumpRow>(BUMPED, [payments.map(({ transfer }) => transfer.nonce)])
  return most(rows.map(({ offer }) => BigInt(offer)))
}

async function newestAttemptAge({ pool }: Lane): Promise<number> {
  const { rows } = await pool.query<{ age: number }>(
    'SELECT EXTRACT(epoch FROM now() - max(created_at))::float8 AS age FROM chain_attempts',
  )
  return rows[0]?.age ?? 0
}

export const FEE_SCENARIOS: readonly ChainScenario[] = [UNDERPRICED, ABOVE_THE_CAP, OUT_OF_GAS_MONEY]
