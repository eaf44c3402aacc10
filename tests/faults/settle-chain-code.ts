import { randomBytes } from 'node:crypto'
import { bytesToHex, type Hex } from 'viem'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { delegation, WALLET_CODE } from '@/tests/differential/contracts'
import { mineBlocks, receiptOf, restoreBaseFee, until, withoutMining } from './settle-chain-chain'
import { fundedPayers, type Payer, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, rowOf, type Size, scenario, untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, whileWorkerPaused } from './settle-chain-stage'

const MEMBERS = 6
const PLACES = ['first', 'middle', 'last'] as const
const ROUNDS: Record<Size, number> = { short: 1, long: 10 }
/** A million for the wallet's own code, the margin, and what a transaction needs beside it. */
const GAS_CAP = 1_350_000
/** So often a payment enters a transaction of ours. */
const MOST_NONCES = 3
const BURNS = '0xfe'
/**
 * Takes every signature while it is only simulated, where gas costs nothing, and burns all gas in a transaction:
 * GASPRICE ISZERO PUSH1 6 JUMPI INVALID JUMPDEST.
 */
const BURNS_ON_CHAIN: Hex = `0x3a15600657fe5b${WALLET_CODE.acceptsAll.slice(2)}`

/** Code that others' accounts delegate to. */
async function placeCode(chain: LocalChain, code: Hex): Promise<Hex> {
  const address = bytesToHex(randomBytes(20))
  await chain.call('anvil_setCode', [address, code])
  return address
}

type Delegated = {
  rounds: number
  others: number
  othersSettled: number
  /** The most transactions that the others of one batch needed beside it. */
  furtherTransactions: number
  victimsDenied: number
  victimsMoved: number
  mostVictimTransactions: number
  highestGas: number
}

function delegatedScenario(name: string, code: Hex) {
  return scenario({
    name,
    async run(lane, size) {
      const whole: Delegated = {
        rounds: 0,
        others: 0,
        othersSettled: 0,
        furtherTransactions: 0,
        victimsDenied: 0,
        victimsMoved: 0,
        mostVictimTransactions: 0,
        highestGas: 0,
      }
      await restoreBaseFee(lane.chain)
      for (let round = 0; round < ROUNDS[size]; round++) {
        for (const place of PLACES) await delegated(lane, code, place, whole)
      }
      return whole
    },
    bounds: {
      'the others are settled in one further transaction': ({ others, othersSettled, furtherTransactions }) =>
        others > 0 && othersSettled === others && furtherTransactions === 1,
      'who has code is told that it failed, and that nothing was used': ({ rounds, victimsDenied }) =>
        victimsDenied === rounds,
      'nothing of his was moved': ({ victimsMoved }) => victimsMoved === 0,
      'he goes alone, and not for ever': ({ mostVictimTransactions }) => mostVictimTransactions <= MOST_NONCES,
      'alone he has a cap of gas': ({ highestGas }) => highestGas <= GAS_CAP,
    },
  })
}

/** An account delegates to code that burns gas after the last simulation of its batch and before the block. */
async function delegated(lane: Lane, code: Hex, place: (typeof PLACES)[number], whole: Delegated): Promise<void> {
  const { chain, client } = lane
  const delegate = await placeCode(chain, code)
  const payments = (await fundedPayers(chain, MEMBERS)).map((payer) => signPayment(payer))
  let victim = payments[0] as SignedPayment
  const answers = await withoutMining(chain, async () => {
    const asked = await whileWorkerPaused(lane, async () => {
      const open = payments.map((payment) => ({ payment, answer: client.settle(payment) }))
      await untilStates(lane, payments, ['queued'])
      return open
    })
    await untilSent(lane, payments)
    const order = await orderOnChain(lane, payments)
    victim = order[{ first: 0, middle: MEMBERS / 2, last: MEMBERS - 1 }[place]] as SignedPayment
    await chain.call('anvil_setCode', [victim.transfer.payer, delegation(delegate)])
    await mineBlocks(chain)
    return asked
  })
  const others = payments.filter((payment) => payment !== victim)
  await untilStates(lane, others, ['mined', 'final'])
  const [row] = await untilStates(lane, [victim], ['failed'])
  await until('his last transaction is decided', async () => (await rowOf(lane, victim))?.reason)
  const told = await Promise.all(answers.map(async ({ payment, answer }) => ({ payment, answer: await answer })))
  const his = told.find(({ payment }) => payment === victim)?.answer
  whole.rounds++
  whole.others += others.length
  whole.othersSettled += told.filter(({ payment, answer }) => payment !== victim && answer.success).length
  whole.furtherTransactions = Math.max(whole.furtherTransactions, await further(lane, others))
  if (his && !his.success && his.extra['paymentState'] === 'unused') whole.victimsDenied++
  if (await isMoved(lane, victim)) whole.victimsMoved++
  const entered = await transactionsOf(lane, row?.id ?? '')
  whole.mostVictimTransactions = Math.max(whole.mostVictimTransactions, entered.length)
  whole.highestGas = Math.max(whole.highestGas, ...entered.filter(({ members }) => members === 1).map(({ gas }) => gas))
}

/** The members of the batch as its bytes name them. */
async function orderOnChain({ pool }: Lane, payments: readonly SignedPayment[]): Promise<SignedPayment[]> {
  const { rows } = await pool.query<{ raw: string }>(
    `SELECT DISTINCT raw FROM chain_attempts JOIN settlements ON settlements.transaction_hash = hash
      WHERE nonce = ANY($1::text[])`,
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  if (rows.length !== 1) throw new Error(`${rows.length} transactions in the place of one`)
  const raw = rows[0]?.raw ?? ''
  const place = ({ transfer }: SignedPayment) => raw.indexOf(transfer.nonce.slice(2))
  return [...payments].sort((a, b) => place(a) - place(b))
}

/** The transactions that paid them beside the first. */
async function further({ pool }: Lane, payments: readonly SignedPayment[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(DISTINCT attempt.transaction_id)::int - 1 AS count FROM settlements
      JOIN attempt_members ON settlement_id = settlements.id JOIN chain_attempts AS attempt USING (hash)
      WHERE nonce = ANY($1::text[])`,
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  return rows[0]?.count ?? 0
}

type Entered = { hash: Hex; gas: number; members: number }

async function transactionsOf({ pool }: Pick<Lane, 'pool'>, id: string): Promise<Entered[]> {
  const { rows } = await pool.query<Entered>(
    `SELECT tx.mined_hash AS hash, max(attempt.gas)::int AS gas, (SELECT count(*)::int FROM attempt_members AS all_members
        WHERE all_members.hash = tx.mined_hash) AS members
      FROM chain_transactions AS tx JOIN chain_attempts AS attempt ON attempt.transaction_id = tx.id
      JOIN attempt_members ON attempt_members.hash = attempt.hash WHERE settlement_id = $1 GROUP BY tx.id`,
    [id],
  )
  return rows
}

async function isMoved({ chain }: Lane, { transfer }: SignedPayment): Promise<boolean> {
  const topics = [null, `0x${transfer.payer.slice(2).padStart(64, '0')}`]
  return (await chain.call<unknown[]>('eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest', topics }])).length > 0
}

const MOST_RETRIES = 12

const BURNER_RETRIES = scenario({
  name: 'a payer whose code burns gas only on the chain asks again and again',
  async run(lane) {
    const { chain, otherClient } = lane
    await restoreBaseFee(chain)
    const [payer] = (await fundedPayers(chain, 1)) as [Payer]
    const delegate = await placeCode(chain, BURNS_ON_CHAIN)
    await chain.call('anvil_setCode', [payer.address, delegation(delegate)])
    const payment = signPayment(payer)
    let successes = 0
    let ended: unknown = null
    let entered: Entered[] = []
    for (let asked = 0; asked < MOST_RETRIES && ended === null; asked++) {
      const { success, extra } = await otherClient.settle(payment)
      if (success) successes++
      const before = entered.length
      entered = await transactionsOf(lane, (await rowOf(lane, payment))?.id ?? '')
      if (entered.length === before) ended = extra['retryAction']
    }
    const receipts = await Promise.all(entered.map(({ hash }) => receiptOf(chain, hash)))
    return {
      successes,
      ended,
      transactions: entered.length,
      isMoved: await isMoved(lane, payment),
      together: entered.filter(({ members }) => members !== 1).length,
      highestGas: Math.max(0, ...entered.map(({ gas }) => gas)),
      highestBurned: Math.max(0, ...receipts.map((receipt) => Number(receipt?.gasUsed ?? 0))),
    }
  },
  bounds: {
    'he is never paid for, and never granted': ({ successes, isMoved: hasMoved }) => successes === 0 && !hasMoved,
    'he always goes alone, under the cap of gas': ({ together, highestGas }) => together === 0 && highestGas <= GAS_CAP,
    'each transaction burned no more than its cap': ({ highestBurned }) =>
      highestBurned > 0 && highestBurned <= GAS_CAP,
    'the gas budget of a payer ends it, and he hears that his signature is still alive': ({ ended, transactions }) =>
      ended === 'retry_same_payment' && transactions > 1,
  },
})

export const CODE_SCENARIOS: readonly ChainScenario[] = [
  delegatedScenario('a member becomes an account that burns all gas before the block', BURNS),
  delegatedScenario('a member becomes an account that burns gas on the chain only', BURNS_ON_CHAIN),
  BURNER_RETRIES,
]
