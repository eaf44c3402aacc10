import { setTimeout as sleep } from 'node:timers/promises'
import { mineBlocks, receiptOf, until } from './settle-chain-chain'
import { unbalanced } from './settle-chain-judge'
import type { SignedPayment } from './settle-chain-payments'
import { rowOf } from './settle-chain-scenario'
import type { Lane } from './settle-chain-stage'

const SAMPLE_MS = 100

/** What each row went through, but for its finality. */
export async function historiesOf(lane: Lane, payments: readonly SignedPayment[]): Promise<string[]> {
  const rows = await Promise.all(payments.map((payment) => rowOf(lane, payment)))
  // With many blocks some are final already.
  return rows.map((row) => row?.history.filter((transition) => transition !== 'finalize').join(' ') ?? '')
}

export const CAME_BACK: ReadonlySet<string> = new Set([
  'claim sign mine reorg resume mine',
  // Paid by another at first, and then by us or by him.
  'claim preempt reorg resume sign mine',
  'claim preempt reorg resume preempt',
])

/** Where the payment's transfer stands in its block, and in its transaction. */
export async function placeOf({ chain, pool }: Lane, { transfer }: SignedPayment) {
  const { rows } = await pool.query<{ transaction_hash: string; position: number }>(
    'SELECT transaction_hash, position FROM settlements WHERE nonce = $1',
    [transfer.nonce],
  )
  const [row] = rows
  const receipt = row ? await receiptOf(chain, row.transaction_hash) : null
  return row && receipt ? { inBlock: Number(receipt.logs[row.position]?.logIndex), position: row.position } : null
}

/** Blocks come again, until all are paid again. */
export async function mineUntil(lane: Lane, payments: readonly SignedPayment[]): Promise<void> {
  await until('all are paid again', async () => {
    const rows = await Promise.all(payments.map((payment) => rowOf(lane, payment)))
    const isDone = rows.every((row) => ['mined', 'final', 'settled_by_other'].includes(row?.state ?? ''))
    if (!isDone) await mineBlocks(lane.chain)
    if (!isDone) await sleep(SAMPLE_MS)
    return isDone
  })
}

/** How many of them are final. */
export async function finalOf({ pool }: Lane, payments: readonly SignedPayment[]): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM settlements WHERE nonce = ANY($1::text[])
      AND (state = 'final' OR (state = 'settled_by_other' AND is_final))`,
    [payments.map(({ transfer }) => transfer.nonce)],
  )
  return rows[0]?.count ?? 0
}

/** Looks at the ledger's sums again and again. */
export function sampleSums(lane: Lane) {
  const counts = { samples: 0, unbalancedSamples: 0 }
  let isOver = false
  const ended = (async () => {
    while (!isOver) {
      counts.samples++
      if ((await unbalanced(lane)) > 0) counts.unbalancedSamples++
      await sleep(SAMPLE_MS)
    }
  })()
  return {
    async end() {
      isOver = true
      await ended
      return counts
    },
  }
}
