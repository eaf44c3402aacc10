import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { LOCAL_CHAIN_ID, LOCAL_USDC } from '@/scripts/local/chain'
import type { LocalChain } from '@/scripts/local/chain-rpc'
import { DEV_ACCOUNTS } from '@/scripts/local/dev-accounts'
import { mineBlocks, replay, until, withoutMining } from './settle-chain-chain'
import { CAME_BACK, finalOf, historiesOf, mineUntil, placeOf, sampleSums } from './settle-chain-histories'
import { fundedPayers, type SignedPayment, signPayment } from './settle-chain-payments'
import { type ChainScenario, type Size, scenario, untilSent, untilStates } from './settle-chain-scenario'
import { type Lane, whileWorkerPaused } from './settle-chain-stage'

const DEPTHS = [1, 2, 3, 4, 5]
const ROUNDS: Record<Size, number> = { short: 1, long: 10 }
/** Two epochs of eight. */
const UNTIL_FINAL = 17
const BYSTANDER = DEV_ACCOUNTS[6] as (typeof DEV_ACCOUNTS)[number]
const GWEI = 1_000_000_000n
const APPROVE = parseAbi(['function approve(address spender, uint256 amount)'])

type Round = {
  rows: number
  /** Those whose block was lost. */
  lost: number
  /** Of these, what went from paid through reorged and broadcast to paid again, and nowhere else. */
  cameBack: number
  /** Of the others, what was left as it was. */
  untouched: number
  granted: number
  /** The log of the payment that another block has has another place in that block, and the same in its transaction. */
  moved: number
  movedWanted: number
  /** Histories that nobody expects. */
  odd: string[]
  unbalancedSamples: number
  samples: number
  final: number
}

const NOTHING: Round = {
  rows: 0,
  lost: 0,
  cameBack: 0,
  untouched: 0,
  granted: 0,
  moved: 0,
  movedWanted: 0,
  odd: [],
  unbalancedSamples: 0,
  samples: 0,
  final: 0,
}

const COUNTS = (Object.keys(NOTHING) as (keyof Round)[]).filter((name) => name !== 'odd')

const REORGS = scenario({
  name: 'reorgs of one to five blocks take settlements out of the chain',
  async run(lane, size) {
    const whole: Round = { ...NOTHING, odd: [] }
    for (let round = 0; round < ROUNDS[size]; round++) {
      for (const depth of DEPTHS) {
        const one = await withoutMining(lane.chain, () =>
          playRound(lane, depth, { isAbsent: (depth + round) % 2 === 0 }),
        )
        for (const name of COUNTS) whole[name] += one[name]
        whole.odd.push(...one.odd)
      }
    }
    return whole
  },
  bounds: {
    'every row that was lost goes through reorged and broadcast to mined': ({ lost, cameBack }) =>
      lost > 0 && cameBack === lost,
    'rows of older blocks are left as they are': ({ rows, lost, untouched }) =>
      untouched > 0 && untouched === rows - lost,
    'every caller was told of his success once': ({ rows, granted }) => granted === rows,
    'a log at another place of its block is the same transfer': ({ moved, movedWanted }) =>
      movedWanted > 0 && moved === movedWanted,
    'the sums of the ledger are zero at every moment': ({ samples, unbalancedSamples }) =>
      samples > 0 && unbalancedSamples === 0,
    'all are final in the end': ({ rows, final }) => final === rows,
  },
})

type How = { isAbsent: boolean }

async function playRound(lane: Lane, depth: number, { isAbsent }: How): Promise<Round> {
  const { chain, client } = lane
  const [alone, ...others] = (await fundedPayers(chain, 4)).map((payer) => signPayment(payer)) as [
    SignedPayment,
    ...SignedPayment[],
  ]
  const replayed = others.pop() as SignedPayment
  const ours = [alone, ...others]
  // The money is there before the blocks that are going to be lost.
  await mineBlocks(chain)
  const answers = [client.settle(alone)]
  await untilSent(lane, [alone])
  await whileWorkerPaused(lane, async () => {
    answers.push(...[...others, replayed].map((payment) => client.settle(payment)))
    await untilStates(lane, [...others, replayed], ['queued'])
    await replay(chain, [replayed])
    await mineBlocks(chain)
  })
  await untilSent(lane, others)
  await mineBlocks(chain)
  await untilStates(lane, [...ours, replayed], ['mined', 'settled_by_other'])
  const granted = (await Promise.all(answers)).filter(({ success }) => success).length
  const before = await placeOf(lane, alone)
  // Theirs are the two newest blocks, and a reorg of one takes only the younger.
  await mineBlocks(chain, Math.max(0, depth - 2))
  const all = [...ours, replayed]
  const lost = depth === 1 ? others : all
  const wantsMove = !isAbsent && lost === all
  const sampling = sampleSums(lane)
  await chain.call('anvil_reorg', [depth, wantsMove ? await inAnotherBlock(lane, alone) : []])
  await until('the rows came back', async () => (await historiesOf(lane, lost)).every((one) => one.includes('resume')))
  await mineUntil(lane, lost)
  const after = await placeOf(lane, alone)
  const histories = await historiesOf(lane, all)
  const isMoved = before && after && before.inBlock !== after.inBlock && before.position === after.position
  await mineBlocks(chain, UNTIL_FINAL)
  await until('all are final', async () => (await finalOf(lane, all)) === all.length)
  return {
    rows: all.length,
    lost: lost.length,
    cameBack: histories.filter((history) => CAME_BACK.has(history)).length,
    odd: histories.filter((history) => history.includes('reorg') && !CAME_BACK.has(history)),
    untouched: histories.filter((history) => !history.includes('reorg')).length,
    granted,
    movedWanted: wantsMove ? 1 : 0,
    moved: wantsMove && isMoved ? 1 : 0,
    ...(await sampling.end()),
    final: await finalOf(lane, all),
  }
}

/** The same bytes in a new block, behind somebody's approval, whose log takes the first place there. */
async function inAnotherBlock({ chain, pool }: Lane, payment: SignedPayment): Promise<[Hex, number][]> {
  const { rows } = await pool.query<{ raw: Hex }>(
    `SELECT raw FROM chain_attempts JOIN settlements ON settlements.transaction_hash = hash WHERE nonce = $1`,
    [payment.transfer.nonce],
  )
  return [
    [await approval(chain), 0],
    [rows[0]?.raw as Hex, 0],
  ]
}

async function approval(chain: LocalChain): Promise<Hex> {
  const nonce = Number(await chain.call<Hex>('eth_getTransactionCount', [BYSTANDER.address, 'latest']))
  return BYSTANDER.signTransaction({
    chainId: LOCAL_CHAIN_ID,
    type: 'eip1559',
    nonce,
    to: LOCAL_USDC,
    data: encodeFunctionData({ abi: APPROVE, args: [BYSTANDER.address, 1n] }),
    gas: 100_000n,
    maxFeePerGas: 100n * GWEI,
    maxPriorityFeePerGas: GWEI,
  })
}

export const REORG_SCENARIOS: readonly ChainScenario[] = [REORGS]
