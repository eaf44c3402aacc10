import type { Hex } from 'viem'
import { baseFee, quantity, restoreBaseFee, until, withoutMining } from './settle-chain-chain'
import { firstRefused, PROBE_MS } from './settle-chain-first-refused'
import { fundedPayers, type Payer, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, rowOf, scenario, untilSent, untilStates } from './settle-chain-scenario'
import type { Lane } from './settle-chain-stage'
import { ADDRESS, finish, RECOVERY_MS } from './settle-chain-waves'

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
    await untilStates(lane, [second, third], ['queued'])
    await until('the problem is told', async () => (await reportOf(lane))?.problem)
    const { refused, refusal } = await firstRefused(lane, early)
    const rowsOfRefused = (await rowOf(lane, refused)) ? 1 : 0
    const signedWhileEmpty = await mostAttempts(lane)
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
      signedWhileEmpty,
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
    'nothing is signed that could not be paid for': ({ signedWhileEmpty }) => signedWhileEmpty === 0,
    'with money again it goes on, the refused payment too': ({ afterwards }) => afterwards,
    'all are mined within 60 s': ({ minedMs }) => minedMs <= RECOVERY_MS,
  },
})

/** A bump is due every five seconds. */
const BUMPS_MS = 12_000

const EMPTIED_WHILE_OPEN = scenario({
  name: 'the money for gas goes while a transaction is open',
  async run(lane) {
    const { chain, client } = lane
    await restoreBaseFee(chain)
    const [payer] = await fundedPayers(chain, 1)
    const payment = signPayment(payer as Payer)
    const full = await chain.call<Hex>('eth_getBalance', [ADDRESS, 'latest'])
    const { answer, attempts } = await withoutMining(chain, async () => {
      const asked = client.settle(payment)
      await untilSent(lane, [payment])
      await chain.call('anvil_setBalance', [ADDRESS, '0x0'])
      await until('bumps were due', async () => (await oldestOpen(lane)) * 1_000 > BUMPS_MS)
      return { answer: asked, attempts: await mostAttempts(lane) }
    })
    await chain.call('anvil_setBalance', [ADDRESS, full])
    const wave = await finish(lane, [payment], [answer], performance.now())
    return { attempts, settled: wave.settled, minedMs: wave.minedMs }
  },
  bounds: {
    'no fee grows while the one thing that lacks is money': ({ attempts }) => attempts <= 2,
    'with money again it is settled': ({ settled }) => settled === 1,
    'it is mined within 60 s': ({ minedMs }) => minedMs <= RECOVERY_MS,
  },
})

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

export const GAS_MONEY_SCENARIOS: readonly ChainScenario[] = [OUT_OF_GAS_MONEY, EMPTIED_WHILE_OPEN]
