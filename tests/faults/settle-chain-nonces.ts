import { keccak256, parseTransaction } from 'viem'
import { goOnMining, mineBlocks, quantity, receiptsOf, until, withoutMining } from './settle-chain-chain'
import { isQuiet } from './settle-chain-judge'
import { fundedPayers, signPayment } from './settle-chain-payments'
import { onBroadcast } from './settle-chain-rpc'
import { type ChainScenario, type Size, scenario } from './settle-chain-scenario'
import type { Lane } from './settle-chain-stage'
import { ADDRESS, finish, RECOVERY_MS, settleApart, type Wave } from './settle-chain-waves'

const QUEUED_BEHIND = 30
/** A wallet has at most so many transactions open. */
const MOST_OPEN = 16

const DROPPED = scenario({
  name: 'the lowest nonce is dropped, with thirty payments behind it',
  async run({ chain, ...rest }) {
    const lane = { chain, ...rest }
    const payers = await fundedPayers(chain, QUEUED_BEHIND + 1)
    const payments = payers.map((payer) => signPayment(payer))
    const answers: ReturnType<Lane['client']['settle']>[] = []
    let open = 0
    await withoutMining(chain, async () => {
      answers.push(...(await settleApart(lane, payments.slice(0, MOST_OPEN))))
      answers.push(...payments.slice(MOST_OPEN).map((payment) => lane.client.settle(payment)))
      const { rows } = await lane.pool.query<{ count: string; lowest: string }>(LOWEST)
      open = Number(rows[0]?.count)
      await chain.call('anvil_dropTransaction', [rows[0]?.lowest])
    })
    const wave = await finish(lane, payments, answers, performance.now())
    return { ...wave, open, reverted: await revertedOf(lane) }
  },
  bounds: {
    'sixteen transactions and the rest of the queue stood behind it': ({ open }) => open === MOST_OPEN,
    'all are mined within 60 s': ({ minedMs }) => minedMs <= RECOVERY_MS,
    'every caller is told of his success': ({ settled, payments }) => settled === payments,
    'nothing of ours was reverted': ({ reverted }) => reverted === 0,
  },
})

const LOWEST = `SELECT count(*) OVER (), (SELECT hash FROM chain_attempts WHERE transaction_id = tx.id LIMIT 1) AS lowest, nonce::text
  FROM chain_transactions AS tx WHERE state = 'open' ORDER BY nonce LIMIT 1`

async function revertedOf({ chain }: Lane): Promise<number> {
  return (await receiptsOf(chain, ADDRESS)).filter(({ status }) => status !== '0x1').length
}

const CANCELS: Record<Size, number> = { short: 5, long: 100 }
const AT_ONCE = 10

type CancelWave = Wave & { cancels: number; minedCancels: number }

/** Payments each alone in a transaction; the node takes it and says it is invalid, so that a cancel follows. */
async function cancelled(lane: Lane, count: number, winner: 'original' | 'cancel'): Promise<CancelWave> {
  const { chain, pool, proxy } = lane
  const payments = (await fundedPayers(chain, count)).map((payer) => signPayment(payer))
  const nonces = new Set<number | undefined>()
  const cancels = new Set<number | undefined>()
  const isOver = () => cancels.size >= count
  proxy.fault = onBroadcast(async (raw, { ask }) => {
    const { nonce, data } = parseTransaction(raw)
    const send = async () =>
      (await ask([{ id: 1, jsonrpc: '2.0', method: 'eth_sendRawTransaction', params: [raw] } as never]))[0]
    if (data === undefined || data === '0x') {
      cancels.add(nonce)
      if (winner === 'cancel') await send()
      return { result: keccak256(raw) }
    }
    const isFirst = !nonces.has(nonce)
    nonces.add(nonce)
    if (isFirst && nonces.size <= count) {
      await send()
      return { error: { code: -32_000, message: 'intrinsic gas too low' } }
    }
    return ((await send()) ?? { error: { code: -32_000, message: 'no answer' } }) as never
  })
  try {
    const answers = await withoutMining(chain, async () => {
      const open = await settleApart(lane, payments)
      await until('every one has its cancel', async () => isOver())
      await mineBlocks(chain)
      return open
    })
    const wave = await finish(lane, payments, answers, performance.now())
    const { rows } = await pool.query<{ kind: string }>(MINED_KINDS, [payments.map(({ transfer }) => transfer.nonce)])
    return { ...wave, cancels: cancels.size, minedCancels: rows.filter(({ kind }) => kind === 'cancel').length }
  } finally {
    proxy.fault = null
    await goOnMining(chain)
  }
}

const MINED_KINDS = `SELECT DISTINCT mined.hash, mined.kind FROM settlements
  JOIN attempt_members ON settlement_id = settlements.id
  JOIN chain_attempts AS attempt ON attempt.network = attempt_members.network AND attempt.hash = attempt_members.hash
  JOIN chain_transactions AS tx ON tx.id = attempt.transaction_id
  JOIN chain_attempts AS mined ON mined.hash = tx.mined_hash WHERE settlements.nonce = ANY($1::text[])`

const CANCEL_LOSES = scenario({
  name: 'a cancel is broadcast, and the original is mined',
  async run(lane, size) {
    const whole = { cancels: 0, minedCancels: 0, settled: 0, payments: 0, minedMs: 0 }
    while (whole.payments < CANCELS[size]) {
      const wave = await cancelled(lane, Math.min(AT_ONCE, CANCELS[size] - whole.payments), 'original')
      for (const name of ['cancels', 'minedCancels', 'settled', 'payments'] as const) whole[name] += wave[name]
      whole.minedMs = Math.max(whole.minedMs, wave.minedMs)
      await until('nothing is open', () => isQuiet(lane))
    }
    return whole
  },
  bounds: {
    'a cancel was stored and sent for every one': ({ cancels, payments }) => cancels === payments,
    'none of them was mined': ({ minedCancels }) => minedCancels === 0,
    'all members are mined, and every caller is told so': ({ settled, payments }) => settled === payments,
  },
})

const CANCEL_WINS = scenario({
  name: 'a cancel is broadcast and mined',
  run: (lane) => cancelled(lane, 2, 'cancel'),
  bounds: {
    'the cancel took the nonce of every one': ({ cancels, minedCancels, payments }) =>
      cancels === payments && minedCancels === payments,
    'all are paid under another nonce, and every caller is told so': ({ settled, payments }) => settled === payments,
  },
})

const TAKEN = scenario({
  name: 'somebody else uses the key of the wallet, and takes a nonce of ours',
  async run(lane) {
    const { chain, pool } = lane
    const payments = (await fundedPayers(chain, 2)).map((payer) => signPayment(payer))
    const answers = await withoutMining(chain, async () => {
      const open = await settleApart(lane, payments)
      const { rows } = await pool.query<{ lowest: string; nonce: string }>(LOWEST)
      const [first] = rows
      await chain.call('anvil_dropTransaction', [first?.lowest])
      const fees = { maxFeePerGas: quantity(10n ** 12n), maxPriorityFeePerGas: quantity(10n ** 10n), gas: '0x5208' }
      const own = { from: ADDRESS, to: ADDRESS, nonce: quantity(BigInt(first?.nonce ?? 0)) }
      await chain.call('eth_sendTransaction', [{ ...own, ...fees }])
      await mineBlocks(chain)
      return open
    })
    const wave = await finish(lane, payments, answers, performance.now())
    const { rows } = await pool.query<{ count: string }>(TAKEN_NONCES)
    return { ...wave, taken: Number(rows[0]?.count) }
  },
  bounds: {
    'the worker sees that the nonce was taken': ({ taken }) => taken === 1,
    'its payment is made under another nonce, and every caller is told so': ({ settled, payments }) =>
      settled === payments,
  },
})

const TAKEN_NONCES = `SELECT count(*) FROM chain_transactions WHERE state = 'decided' AND mined_hash IS NULL`

export const NONCE_SCENARIOS: readonly ChainScenario[] = [DROPPED, CANCEL_LOSES, CANCEL_WINS, TAKEN]
