import { keyText } from '@/lib/adapters/postgres/settlement-row'
import type { Hex } from '@/lib/core/hex'
import { TRANSITIONS } from '@/lib/core/settlement-states'
import { OWN_FAULTS, type SimPayment } from './scenario'
import type { Row, StoredEvent, StoredTransaction } from './tables'
import { type Answer, paysIn, type World } from './world'

/** Holds a world that has come to rest against the invariants. `repeatAll` lets every seller ask once more. */
export async function judgeWorld(world: World, repeatAll: () => Promise<void>): Promise<void> {
  const before = world.answers.length
  await repeatAll()
  const repeats = world.answers.slice(before)
  judgeEvents(world)
  judgeTransactions(world)
  judgeLedger(world)
  judgeFlights(world)
  judgeOwnFailures(world)
  for (const payment of world.scenario.payments) {
    judgePayment(world, payment)
    judgeGrants(world, payment, { before: world.answers.slice(0, before), repeats })
  }
}

/** I12: versions without a gap, every change in the list of transitions, and the events rebuild the rows. */
function judgeEvents(world: World): void {
  const { tables, problems } = world
  const byRow = new Map<string, StoredEvent[]>()
  for (const event of tables.events) byRow.set(event.id, [...(byRow.get(event.id) ?? []), event])
  for (const row of tables.rows.values()) {
    const events = byRow.get(row.id) ?? []
    for (const [index, event] of events.entries()) judgeEvent(world, event, events[index - 1] ?? null)
    const last = events.at(-1)
    if (last?.state !== row.state || last.version !== row.version)
      problems.push('I12: the events do not end at the row')
  }
}

function judgeEvent({ problems, chain }: World, event: StoredEvent, before: StoredEvent | null): void {
  const { from, to } = TRANSITIONS[event.transition]
  if (event.version !== (before ? before.version + 1 : 0)) problems.push('I12: a version is missing')
  const isAllowed = before ? (from as readonly string[]).includes(before.state) : from.length === 0
  if (!isAllowed || to !== event.state) {
    problems.push(`I12: ${event.transition} from ${before?.state} to ${event.state} is no transition`)
  }
  if (event.transition === 'reorg' && !wasEverGone(chain, event.blockHash)) {
    problems.push('a reorganisation was told that never was')
  }
}

/** A node that is left on another fork may say in good faith that a block is gone. */
function wasEverGone({ gone, forks }: World['chain'], hash: string | null): boolean {
  const isMissing = (fork: (typeof forks)[number]) => !fork.some((block) => block.hash === hash)
  return hash !== null && (gone.has(hash) || forks.some(isMissing))
}

/** I6: no nonce twice, none left over, and everything of ours that is on chain is in the tables. */
function judgeTransactions(world: World): void {
  const { tables, chain, problems } = world
  const transactions = [...tables.transactions.values()]
  const nonces = new Set(transactions.map(({ wallet, nonce }) => `${wallet}/${nonce}`))
  if (nonces.size < transactions.length) problems.push('I6: a nonce was given twice')
  for (const transaction of transactions) judgeTransaction(world, transaction)
  judgeNonces(world)
  const unknown = [...chain.taken.keys()].filter((hash) => !tables.byHash.has(hash))
  if (unknown.length > 0) problems.push('bytes were sent that nobody has stored')
}

function judgeTransaction({ chain, problems }: World, { attempts, minedHash, blockHash, state }: StoredTransaction) {
  const isLate = attempts.some(({ fence, newestFence }) => fence !== newestFence)
  if (isLate) problems.push('a write of an older fence was taken')
  const receipt = minedHash ? chain.find(minedHash) : null
  if (state === 'decided' && receipt?.blockHash !== blockHash) problems.push('a decision names a block that is gone')
}

function judgeNonces({ tables, chain, problems, scenario }: World): void {
  for (const wallet of scenario.wallets) {
    const next = tables.wallets.get(`${scenario.network.id}/${wallet}`)?.nextNonce ?? 0n
    const mined = chain.head.state.nonces.get(wallet) ?? 0n
    if (next !== mined) problems.push(`I6: the next nonce is ${next}, and the chain has ${mined}`)
  }
}

class Sums extends Map<string, bigint> {
  add(name: string, amount: bigint): void {
    this.set(name, this.of(name) + amount)
  }

  of(name: string): bigint {
    return this.get(name) ?? 0n
  }
}

/** I5: zero for every asset, and what the accounts say is what the chain says. */
function judgeLedger(world: World): void {
  const { tables, problems } = world
  const [byAsset, byAccount] = [new Sums(), new Sums()]
  for (const { asset, account, amount } of tables.ledger) {
    byAsset.add(asset, amount)
    byAccount.add(account, amount)
  }
  for (const [asset, sum] of byAsset) if (sum !== 0n) problems.push(`I5: the ledger of ${asset} sums to ${sum}`)
  judgeGas(world, byAccount)
  judgeSellers(world, byAccount)
  judgeUsedTransfers(world)
}

function judgeGas({ chain, problems, scenario }: World, byAccount: Sums): void {
  const fees = new Sums()
  for (const { ours, receipts } of chain.blocks) {
    for (const { wallet, hash } of ours) fees.add(wallet, receipts.get(hash)?.feeWei ?? 0n)
  }
  for (const wallet of scenario.wallets) {
    const [told, spent] = [byAccount.of(`wallet:${wallet}`), fees.of(wallet)]
    if (told !== -spent) problems.push(`I5: a wallet spent ${spent} wei, and the ledger says ${-told}`)
  }
}

function judgeSellers({ tables, problems }: World, byAccount: Sums): void {
  const paid = new Sums()
  for (const row of [...tables.rows.values()].filter(isPaidFor))
    paid.add(`seller:${row.tenantId}:${row.payTo}`, row.amount)
  const accounts = [...paid.keys(), ...byAccount.keys()].filter((account) => account.startsWith('seller:'))
  for (const account of accounts) {
    const [told, due] = [byAccount.of(account), paid.of(account)]
    if (told !== due) problems.push(`I5: ${account} has ${told}, and was paid ${due}`)
  }
}

function judgeUsedTransfers({ tables, problems }: World): void {
  const owners = [...tables.usedTransfers.values()]
  for (const row of tables.rows.values()) {
    const count = owners.filter((id) => id === row.id).length
    if (count !== (isPaidFor(row) ? 1 : 0)) problems.push(`a row that is ${row.state} holds ${count} transfers`)
  }
}

function isPaidFor({ state }: Row): boolean {
  return state === 'final' || state === 'mined' || state === 'settled_by_other'
}

function judgeFlights({ tables, problems }: World): void {
  for (const { inFlight } of tables.flights.values()) {
    if (inFlight !== 0n) problems.push(`${inFlight} are in flight for ever`)
  }
}

/** I7: where nobody else interferes, nothing of ours fails on chain. */
function judgeOwnFailures({ scenario, chain, problems }: World): void {
  const isAlone = scenario.faults.every(({ kind }) => OWN_FAULTS.has(kind))
  if (isAlone && chain.failedTransfers > 0)
    problems.push(`I7: ${chain.failedTransfers} transfers of ours failed on chain`)
}

/** I3 and I6: what the chain says of a payment is what its row says. */
function judgePayment({ tables, chain, problems, scenario }: World, { authorization }: SimPayment): void {
  const rows = [...tables.rows.values()].filter(({ nonce }) => nonce === authorization.nonce)
  if (rows.filter(({ paymentKey }) => paymentKey !== null).length > 1)
    problems.push('I1: two rows hold one payment key')
  const paid = paysIn(chain.blocks, authorization)
  const isOurs = paid !== null && chain.taken.has(paid.transactionHash)
  for (const row of rows.filter(isPaidFor)) judgePaidRow({ tables, problems }, row, paid?.transactionHash ?? null)
  const held = tables.byKey.get(keyText({ ...authorization, network: scenario.network.id }))
  const isHeldFor = held && paid && (isOurs || held.seenUnusedBlock < paid.blockNumber)
  if (isOurs && !held) problems.push('I3: a transfer of ours has no row')
  if (isHeldFor && !isPaidFor(held)) problems.push(`I3: paid on chain, and its row is ${held.state}`)
}

function judgePaidRow({ tables, problems }: Pick<World, 'tables' | 'problems'>, row: Row, hash: Hex | null): void {
  if (row.transactionHash !== hash) problems.push(`I2: a row is ${row.state} by a transaction that did not pay it`)
  const isOurs = hash !== null && tables.byHash.has(hash)
  if (isOurs && row.state === 'settled_by_other') problems.push('a transfer of ours is called another’s')
}

type Told = { before: readonly Answer[]; repeats: readonly Answer[] }

/** I1 and I3: one grant for a payment, and none withheld. */
function judgeGrants({ tables, problems, excused }: World, payment: SimPayment, { before, repeats }: Told): void {
  const row = [...tables.rows.values()].find((one) => one.nonce === payment.authorization.nonce && isPaidFor(one))
  const isOf = ({ client }: Answer) => client.payment === payment
  const granted = [...before, ...repeats].filter((answer) => isOf(answer) && answer.kind === 'paid' && !answer.isClosed)
  const first = granted.filter((answer, index) => !isRepeat(answer, granted.slice(0, index)))
  if (first.length > 1) problems.push(`I1: ${first.length} grants for one payment`)
  if (!row || row.tenantId !== payment.seller || excused.has(row.id)) return
  if (first.length === 0) problems.push('I3: paid, and its seller was never told so')
  const told = repeats.find(isOf)?.kind
  if (told !== 'paid' && told !== 'duplicate') problems.push(`I3: paid, and the repeat was answered ${told}`)
}

/** The seller's own Idempotency-Key repeats his success. */
function isRepeat({ keyHash }: Answer, earlier: readonly Answer[]): boolean {
  return keyHash !== null && earlier.some((one) => one.keyHash === keyHash)
}
