import { setTimeout as sleep } from 'node:timers/promises'
import { readChainHistory } from '@/tests/support/chain-history'
import { queryDatabase } from '@/tests/support/database'
import { countBy } from './collect'
import type { History, HistoryInput, Judged } from './history'
import {
  answerTimes,
  grantsArePaid,
  nothingWasSent,
  oneOfEach,
  outcomesAreKnown,
  paidIsNotDenied,
} from './judge-answers'
import { eventsRebuildRows } from './judge-events'
import { ledgerIsTrue } from './judge-ledger'
import { nothingReverted, walletsAreWhole } from './judge-transactions'
import { KEY, readRecords } from './records'

/** Waits until nothing is under way, redeems what was paid and never granted, and judges every call and every row. */
export async function judgeHistory(input: HistoryInput): Promise<History> {
  const quietMs = await untilQuiet(input.databaseUrl, input.patienceMs)
  const asked = [...input.client.calls]
  const redeemed = await redeemAll(input)
  const records = await readRecords(input.databaseUrl)
  const onChain = await readChainHistory(input.chain, [...input.wallets.keys()])
  const judged: Judged = { ...input, calls: input.client.calls, records, onChain }
  return {
    broken: {
      I1: oneOfEach(judged),
      I2: grantsArePaid(judged),
      I3: [...redeemed.refused, ...paidIsNotDenied(judged)],
      I4: outcomesAreKnown(judged, quietMs),
      I5: await ledgerIsTrue(judged),
      I6: walletsAreWhole(judged),
      I7: nothingReverted(judged),
      I12: eventsRebuildRows(records),
      unsent: nothingWasSent(asked, onChain),
    },
    facts: { ...factsOf(judged), redeemed: redeemed.count, quietMs },
  }
}

/** Milliseconds until nothing was under way; null when something still is after our patience. */
async function untilQuiet(databaseUrl: string, patienceMs: number): Promise<number | null> {
  const startedAt = Date.now()
  while (Date.now() - startedAt < patienceMs) {
    const [busy] = await queryDatabase<{ count: number }>(databaseUrl, BUSY).catch(() => [])
    if (busy?.count === 0) return Date.now() - startedAt
    await sleep(200)
  }
  return null
}

const BUSY = `SELECT (
    (SELECT count(*) FROM settlements WHERE state IN ('queued', 'broadcast', 'reorged') OR is_ready) +
    (SELECT count(*) FROM chain_transactions WHERE state = 'open'))::int AS count`

/** What was paid and never granted is owed to the seller who asks again with the same body. */
async function redeemAll({ databaseUrl, client, bodies }: HistoryInput) {
  const owed = await queryDatabase<{ key: string; id: string }>(
    databaseUrl,
    `SELECT id, ${KEY} AS key FROM settlements WHERE granted_at IS NULL AND NOT is_magic
       AND state IN ('mined', 'final', 'settled_by_other')`,
  )
  const refused: string[] = []
  for (const { key, id } of owed) {
    const body = bodies.get(key)
    const call = body ? await client.settleUntilFinal(body) : null
    if (call?.outcome !== 'success') refused.push(`${id} is paid and was never granted: ${call?.reason ?? 'no body'}`)
  }
  return { count: owed.length, refused }
}

function factsOf({ calls, records, onChain, bodies }: Judged) {
  const heard = new Set(calls.flatMap(({ outcome, paymentKey }) => (outcome === 'success' ? [paymentKey] : [])))
  const times = answerTimes(calls)
  return {
    payments: bodies.size,
    calls: calls.length,
    outcomes: countBy(calls, ({ outcome, reason }) => (outcome === 'success' ? outcome : `${outcome} ${reason}`)),
    rows: countBy(records.rows, ({ state, released_at }) => (released_at ? `${state}, released` : state)),
    transfers: onChain.transfers.length,
    transactions: onChain.transactions.length,
    reverted: onChain.transactions.filter(({ succeeded }) => !succeeded).length,
    unheardGrants: records.rows.filter(({ granted_at, key }) => granted_at !== null && !heard.has(key)).length,
    slowestMs: Math.max(0, ...times.values()),
  }
}
