import type { SettlementId } from '@/lib/settlements/settlement'
import type { OpenTransaction } from '@/lib/settlements/settler-store'
import { WALLET } from './play'
import { FAILED, facts, MINED, paidBooks, type Scenario } from './scenario'

/** Blocks that go, blocks that are final, and what is watched until then. */
export const REORGS: Scenario[] = [
  {
    name: 'a block that is gone is taken back once, by whoever names it, and what is mined again is booked anew',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [MINED])
      await play.worker.reopen(play.unfinal(transaction, 10n))
      play.tell((await play.row(id)).state)
      await play.worker.reopen(play.unfinal(transaction, 11n))
      await play.worker.reopen(play.unfinal(transaction, 11n))
      await play.tellFacts()
      await play.decide(transaction, 11n, [MINED])
      await play.tellFacts()
    },
    expected: [
      'mined',
      facts(['broadcast 4 key'], ['claim sign mine reorg resume'], { flights: 100n, nextNonce: 1n }),
      facts(['mined 5 key'], ['claim sign mine reorg resume mine'], {
        usedTransfers: 1,
        ledger: paidBooks('a'),
        nextNonce: 1n,
      }),
    ],
  },
  {
    name: 'final is only what is still decided in the very block that was called final',
    async run(play) {
      const { transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [MINED])
      play.tell(await play.worker.finalize([play.unfinal(transaction, 10n)]))
      play.tell((await play.worker.unfinal(play.network, 10)).length)
      play.tell(await play.worker.finalize([play.unfinal(transaction, 11n)]))
      play.tell((await play.worker.unfinal(play.network, 10)).length)
      play.tell((await play.worker.decidedFrom(play.network, WALLET, 0n)).map(({ blockNumber }) => blockNumber))
    },
    expected: [0, 1, 1, 0, [11n]],
  },
  {
    name: 'somebody else’s transfer whose block is gone waits again, and takes nothing from its neighbours',
    async run(play) {
      const [first, second] = [await play.queued('a'), await play.queued('b')]
      const hash = `${play.network} stranger`
      await play.preempt(first, play.transfer(hash, 5n, 1))
      await play.preempt(second, play.transfer(hash, 5n, 3))
      const row = await play.row(first)
      play.tell(await play.worker.reopenOther({ ...row, version: 0 }))
      play.tell([await play.worker.reopenOther(row), await play.worker.reopenOther(row)])
      play.tell(await play.worker.finalizeOther(row))
      play.tell(await play.worker.finalizeOther(await play.row(second)))
      play.tell((await play.worker.unfinalOthers(play.network, 10)).length)
      await play.tellFacts()
    },
    expected: [
      ...[false, [true, false], false, true, 0],
      facts(['broadcast 3 key ready', 'settled_by_other 1 key'], ['claim preempt reorg resume', 'claim preempt'], {
        usedTransfers: 1,
        ledger: paidBooks('b'),
      }),
    ],
  },
  {
    name: 'of more than one look takes, both the oldest and the newest are looked at, each once',
    async run(play) {
      const transactions: OpenTransaction[] = []
      for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries()) {
        const { transaction } = await play.sent(name)
        await play.decide(transaction, BigInt(11 + index), [MINED])
        transactions.push(transaction)
      }
      const blocks = async (most: number) =>
        (await play.worker.unfinal(play.network, most)).map((one) => one.blockNumber)
      play.tell([await blocks(2), await blocks(3), await blocks(9)])
      await play.worker.finalize([play.unfinal(transactions[0] as OpenTransaction, 11n)])
      play.tell(await blocks(2))
    },
    expected: [
      [
        [11n, 12n, 14n, 15n],
        [11n, 12n, 13n, 14n, 15n],
        [11n, 12n, 13n, 14n, 15n],
      ],
      [12n, 13n, 14n, 15n],
    ],
  },
  {
    name: 'so are payments of others; the final ones again only from the block that is asked for',
    async run(play) {
      const ids: SettlementId[] = []
      for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries()) {
        const id = await play.queued(name)
        await play.preempt(id, play.transfer(`${play.network} ${name}`, BigInt(11 + index)))
        ids.push(id)
      }
      const blocks = async (most: number, from?: bigint) =>
        (await play.worker.unfinalOthers(play.network, most, from)).map(({ mined }) => mined?.blockNumber)
      play.tell(await blocks(2))
      for (const id of ids.slice(0, 3)) await play.worker.finalizeOther(await play.row(id))
      play.tell([await blocks(9), await blocks(9, 13n), await blocks(1, 12n)])
    },
    expected: [
      [11n, 12n, 14n, 15n],
      [
        [14n, 15n],
        [13n, 14n, 15n],
        [12n, 15n],
      ],
    ],
  },
  {
    name: 'what failed is watched until it ends: by its version, and not before the block of our transaction is final',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [FAILED])
      const [watched] = await play.worker.watched(play.network, 10)
      play.tell(watched?.id === id)
      const row = await play.row(id)
      play.tell(await play.worker.expire(row))
      await play.worker.finalize([play.unfinal(transaction, 11n)])
      play.tell(await play.worker.expire({ ...row, version: 1 }))
      play.tell([await play.worker.expire(row), (await play.worker.watched(play.network, 10)).length])
      play.tell(await play.preempt(id, play.transfer(`${play.network} stranger`, 12n)))
      await play.tellFacts()
    },
    expected: [
      ...[true, false, false, [true, 0], false],
      facts(['expired 3 key'], ['claim sign fail expire'], { nextNonce: 1n }),
    ],
  },
]
