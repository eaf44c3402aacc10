import type { Hex } from '@/lib/core/hex'
import { type Discrepancy, discrepancy } from './classes'
import { diagnose } from './diagnose'
import type { SettlementFacts } from './facts'
import type { ChainReads } from './read-chain'

type Input = {
  reads: ChainReads
  /** Receipts of the rows' own attempts. */
  receipts: Awaited<ReturnType<ChainReads['receipts']>>
  finalizedSeconds: number
}

/** Looks at rows that say they are not paid and never will be, or not now: does the chain say so too? */
export async function checkUnpaid(input: Input, rows: readonly SettlementFacts[]): Promise<Discrepancy[]> {
  const found: Discrepancy[] = []
  const open: SettlementFacts[] = []
  for (const facts of rows) {
    const hash = facts.attempts.find((attempt) => pays(input, facts, attempt))
    if (hash) found.push(paid(facts, hash))
    // What was released was not signed by us, and another row may have paid it since.
    else if (!facts.settlement.releasedAt) open.push(facts)
  }
  const settlements = open.map(({ settlement }) => settlement)
  const used = await input.reads.used(settlements)
  for (const facts of open) {
    const other = used.has(facts.settlement) ? await searchUse(input, facts) : tooEarly(input, facts)
    if (other) found.push(other)
  }
  return found
}

function pays({ receipts }: Pick<Input, 'receipts'>, { settlement }: SettlementFacts, hash: Hex): boolean {
  const receipt = receipts.get(hash)
  return receipt ? diagnose(receipt, settlement).kind === 'paid' : false
}

/** Whoever used it: a cancelled authorization paid nobody, and then the row is right. */
async function searchUse(input: Input, facts: SettlementFacts): Promise<Discrepancy | null> {
  const { asset, payer, nonce, seenUnusedBlock } = facts.settlement
  const hashes = await input.reads.uses({ asset, payer, nonce, fromBlock: seenUnusedBlock + 1n })
  const receipts = await input.reads.receipts(hashes)
  const hash = hashes.find((candidate) => pays({ receipts }, facts, candidate))
  return hash ? paid(facts, hash) : null
}

function paid({ settlement: row }: SettlementFacts, hash: Hex): Discrepancy {
  const name = row.releasedAt ? 'row_released_but_authorization_used_by_us' : 'row_failed_but_paid_on_chain'
  const said = row.releasedAt ? 'released' : row.state
  return discrepancy(name, {
    network: row.network,
    settlementId: row.id,
    expected: `nothing paid, for the row is ${said}`,
    found: `${hash} paid ${row.amount} to ${row.payTo}`,
  })
}

function tooEarly({ finalizedSeconds }: Input, { settlement: row }: SettlementFacts): Discrepancy | null {
  if (row.state !== 'expired' || row.validBefore <= BigInt(finalizedSeconds)) return null
  return discrepancy('row_expired_too_early', {
    network: row.network,
    settlementId: row.id,
    expected: `a final block later than ${row.validBefore}`,
    found: `the newest final block is of ${finalizedSeconds}`,
  })
}
