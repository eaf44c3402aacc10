import type { Hex } from 'viem'
import { baseFee, quantity, receiptsOf, restoreBaseFee, until, withoutMining } from './settle-chain-chain'
import { firstRefused } from './settle-chain-first-refused'
import { fundedPayers, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, scenario } from './settle-chain-scenario'
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

export const FEE_SCENARIOS: readonly ChainScenario[] = [UNDERPRICED, ABOVE_THE_CAP]
