import type { Hex } from '@/lib/core/hex'
import { isPaid } from '@/lib/core/settlement-states'
import type { Network } from '@/lib/networks/networks'
import { checkLedger } from './check-ledger'
import { type ChainFacts, checkPaid } from './check-paid'
import { checkAge, checkEvents, checkFinality, checkGrant, checkUsed } from './check-records'
import { checkTransaction } from './check-transaction'
import { checkUnpaid } from './check-unpaid'
import type { Discrepancy } from './classes'
import type { SettlementFacts, TransactionFacts } from './facts'
import type { ChainReads } from './read-chain'

type Limits = { nowMs: number; openSeconds: number }
type Context = { network: Network; reads: ChainReads; limits: Limits }

/** Judges one page of settlements by the chain, the ledger and their own history. */
export async function checkSettlements(context: Context, page: readonly SettlementFacts[]): Promise<Discrepancy[]> {
  const chain = await readAround(context, page)
  const { reads, limits } = context
  const closed = page.filter(({ settlement: { state } }) => state === 'failed' || state === 'expired')
  const { receipts, finalized } = chain
  const unpaid = await checkUnpaid({ reads, receipts, finalizedSeconds: finalized.timestampSeconds }, closed)
  const paidAfterAll = new Set(unpaid.filter(isPaidAfterAll).map(({ settlementId }) => settlementId))
  const found = [...unpaid]
  for (const facts of page) {
    // Ledger and transfers of a row that says the opposite of the chain are not looked at: which of them is right?
    const records = paidAfterAll.has(facts.settlement.id) ? [] : checkRecords(chain, facts)
    const finality = records.length > 0 ? null : checkFinality(facts, finalized, limits)
    const own = [checkEvents(facts), checkAge(facts, limits.nowMs, limits.openSeconds), checkGrant(facts), finality]
    found.push(...records, ...own.filter((one) => one !== null))
  }
  return found
}

function isPaidAfterAll({ class: name }: Discrepancy): boolean {
  return name === 'row_failed_but_paid_on_chain' || name === 'row_released_but_authorization_used_by_us'
}

function checkRecords(chain: ChainFacts, facts: SettlementFacts): Discrepancy[] {
  if (!isPaid(facts.settlement.state)) {
    return [checkUsed(facts, null), checkLedger(facts, null)].filter((one) => one !== null)
  }
  const { found, truth } = checkPaid(chain, facts)
  const used = checkUsed(facts, truth)
  // A row that names the transfer of another fails otherwise too, and this says it best.
  const own = used?.class === 'used_transfer_shared' ? [used] : [found, used]
  return [...own, truth ? checkLedger(facts, truth) : null].filter((one) => one !== null)
}

async function readAround({ network, reads }: Context, page: readonly SettlementFacts[]): Promise<ChainFacts> {
  const receipts = await reads.receipts(page.flatMap(hashesOf))
  const inReceipts = [...receipts.values()].map((receipt) => receipt?.blockNumber)
  const numbers = [...inReceipts, ...page.map(({ blockNumber }) => blockNumber)]
  const blocks = await reads.blocks(numbers.filter((number) => number != null))
  // Last, so that nothing is called too young which became old enough meanwhile.
  const [head, finalized] = await Promise.all([reads.head(), reads.finalized()])
  return { network, receipts, blocks, head, finalized }
}

/** The transactions that tell about a row: the one that paid it, or those that were to. */
function hashesOf({ settlement: { state, transactionHash }, attempts }: SettlementFacts): readonly Hex[] {
  if (isPaid(state)) return transactionHash ? [transactionHash] : []
  return state === 'failed' || state === 'expired' ? attempts : []
}

/** Judges one page of our transactions. */
export async function checkTransactions(
  { network, reads, limits }: Context,
  page: readonly TransactionFacts[],
): Promise<Discrepancy[]> {
  const receipts = await reads.receipts(page.flatMap(({ minedHash }) => (minedHash ? [minedHash] : [])))
  return page.flatMap((facts) => {
    const receipt = facts.minedHash ? (receipts.get(facts.minedHash) ?? null) : null
    return checkTransaction({ network: network.id, receipt, ...limits }, facts)
  })
}
