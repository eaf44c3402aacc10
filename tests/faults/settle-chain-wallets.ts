import { setTimeout as sleep } from 'node:timers/promises'
import { mineBlocks, receiptsOf, until, withoutMining } from './settle-chain-chain'
import { fundedPayers, PRICE, signPayment } from './settle-chain-payments'
import { type ChainScenario, countOf, rowOf, type Size, scenario, untilStates } from './settle-chain-scenario'
import { type Lane, WALLETS } from './settle-chain-stage'

const AT_ONCE = 10
const WINDOWS: Record<Size, number> = { short: 3, long: 50 }
const INSUFFICIENT = 'invalid_exact_evm_insufficient_balance'

const MONEY_FOR_ONE = scenario({
  name: 'money for one, ten payments at once, three wallets',
  async run(lane, size) {
    const { chain, client, pool } = lane
    const figures = { windows: 0, right: 0, entered: 0, failedOnChain: 0, wallets: 0 }
    const reasons: string[] = []
    for (let window = 0; window < WINDOWS[size]; window++) {
      const [payer] = await fundedPayers(chain, 1, PRICE)
      if (!payer) throw new Error('one was made')
      // Others pay at the same time, so that every wallet has something to sign.
      const others = (await fundedPayers(chain, AT_ONCE)).map((one) => signPayment(one))
      const payments = Array.from({ length: AT_ONCE }, () => signPayment(payer))
      const [answers] = await Promise.all([
        Promise.all(payments.map((payment) => client.settle(payment))),
        Promise.all(others.map((payment) => client.settle(payment))),
      ])
      const refused = answers.filter(({ success, reason }) => !success && reason === INSUFFICIENT).length
      reasons.push(...answers.map(({ success, reason, code }) => (success ? 'granted' : `${reason ?? code}`)))
      figures.windows++
      if (refused === AT_ONCE - 1) figures.right++
      const { rows } = await pool.query<{ entered: number; failed: number }>(ENTERED, [
        payments.map(({ transfer }) => transfer.nonce),
      ])
      figures.entered += rows[0]?.entered ?? 0
      figures.failedOnChain += rows[0]?.failed ?? 0
    }
    const receipts = await Promise.all(WALLETS.map(({ address }) => receiptsOf(chain, address)))
    figures.failedOnChain += receipts.flat().filter(({ status }) => status !== '0x1').length
    figures.wallets = await leased(lane)
    return { ...figures, answers: countOf(reasons) }
  },
  bounds: {
    'three wallets were at work': ({ wallets }) => wallets === WALLETS.length,
    'one is settled and nine are refused for the balance': ({ windows, right, answers }) =>
      windows > 0 && right === windows && answers['granted'] === windows,
    'only the one that is paid was ever signed': ({ windows, entered }) => entered === windows,
    'nothing fails on the chain': ({ failedOnChain }) => failedOnChain === 0,
  },
})

const ENTERED = `SELECT count(DISTINCT settlement_id)::int AS entered,
    count(*) FILTER (WHERE settlements.state = 'failed' AND released_at IS NULL)::int AS failed
  FROM settlements JOIN attempt_members ON settlement_id = settlements.id WHERE nonce = ANY($1::text[])`

async function leased({ pool }: Lane): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM wallets WHERE lease_until > now()',
  )
  return rows[0]?.count ?? 0
}

const LATE_SECONDS = 30
const VALID_SECONDS = 15
const LATE: Record<Size, number> = { short: 2, long: 20 }

const MINED_LATE = scenario({
  name: 'a payment that was mined late is asked for again after its validity',
  async run(lane, size) {
    const { chain, otherClient, client } = lane
    const payers = await fundedPayers(chain, LATE[size])
    const payments = payers.map((payer) => signPayment(payer, { validSeconds: VALID_SECONDS }))
    const pending = await withoutMining(chain, async () => {
      const answers = await Promise.all(payments.map((payment) => otherClient.settle(payment)))
      await mineBlocks(chain)
      return answers
    })
    await untilStates(lane, payments, ['mined', 'final'])
    const validBefore = Math.max(...payments.map(({ transfer }) => Number(transfer.validBefore)))
    await sleep((validBefore + LATE_SECONDS) * 1_000 - Date.now())
    const answers = await Promise.all(payments.map((payment) => client.settle(payment)))
    const again = await Promise.all(payments.map((payment) => client.settle(payment)))
    const rows = await Promise.all(payments.map((payment) => rowOf(lane, payment)))
    await until('all are final', async () =>
      (await Promise.all(payments.map((one) => rowOf(lane, one)))).every(isFinal),
    )
    return {
      payments: payments.length,
      pendingWithHash: pending.filter(
        ({ status, reason, transaction }) => status === 200 && reason === 'settlement_pending' && transaction !== '',
      ).length,
      granted: answers.filter(({ success, transaction }, index) => {
        return success && transaction === rows[index]?.transaction_hash
      }).length,
      repeats: again.filter(({ reason }) => reason === 'duplicate_settlement').length,
    }
  },
  bounds: {
    'first it is pending, and the answer has a hash': ({ payments, pendingWithHash }) => pendingWithHash === payments,
    '30 s after its validity the same request gets its own success': ({ payments, granted }) =>
      payments > 0 && granted === payments,
    'and the next one is a repeat': ({ payments, repeats }) => repeats === payments,
  },
})

const isFinal = (row: { state: string } | null) => row?.state === 'final'

export const WALLET_SCENARIOS: readonly ChainScenario[] = [MONEY_FOR_ONE, MINED_LATE]
