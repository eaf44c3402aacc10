import { SECOND_MS } from '@/lib/core/clock'
import type { OpenTransaction } from '@/lib/settlements/settler-store'
import { AGAIN, FAILED, facts, MINED, paidBooks, type Scenario } from './scenario'

/** What a block says of a transaction, and transfers of others. */
export const DECIDING: Scenario[] = [
  {
    name: 'a transaction is decided once',
    async run(play) {
      const { transaction } = await play.sent('a')
      play.tell(await play.decide(transaction, 11n, [MINED]))
      play.tell(await play.decide(transaction, 12n, []))
      await play.tellFacts()
    },
    expected: [
      ...[true, false],
      facts(['mined 2 key'], ['claim sign mine'], { usedTransfers: 1, ledger: paidBooks('a'), nextNonce: 1n }),
    ],
  },
  {
    name: 'one transfer pays one row',
    async run(play) {
      await play.queued('a')
      await play.queued('b')
      const { transaction } = await play.sign(await play.lease(), await play.take())
      play.tell(await play.decide(transaction as OpenTransaction, 11n, [MINED, MINED]))
      const after = await play.stage.facts(play.network)
      play.tell([after.usedTransfers, after.rows.filter((row) => row.startsWith('mined')).length, after.flights])
    },
    expected: [true, [1, 1, 0n]],
  },
  {
    name: 'somebody else’s transfer pays a row once, and only until it is released',
    async run(play) {
      const id = await play.queued('a')
      const other = await play.queued('b')
      const transfer = play.transfer(`${play.network} stranger`, 5n)
      play.tell([await play.preempt(id, transfer), await play.preempt(id, transfer)])
      play.tell(await play.preempt(other, transfer))
      await play.tellFacts()
    },
    expected: [
      ...[[true, false], false],
      facts(['settled_by_other 1 key', 'queued 0 key ready'], ['claim preempt', 'claim'], {
        usedTransfers: 1,
        ledger: paidBooks('a'),
      }),
    ],
  },
  {
    name: 'a transfer of ours is mined, whoever finds it, and waits for its own transaction while that is open',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      const own = { ...play.transfer('own', 11n), transactionHash: transaction.attempts[0]?.hash ?? '0x' }
      play.tell(await play.preempt(id, own))
      await play.decide(transaction, 11n, [FAILED])
      play.tell(await play.preempt(id, own))
      await play.tellFacts()
    },
    expected: [
      ...[false, true],
      facts(['mined 3 key'], ['claim sign fail mine'], { usedTransfers: 1, ledger: paidBooks('a'), nextNonce: 1n }),
    ],
  },
  {
    name: 'a decision that finds a row paid in another open transaction of ours leaves it to that one',
    async run(play) {
      const { transaction, lease } = await play.sent('a')
      await play.decide(transaction, 11n, [AGAIN])
      const second = (await play.sign(lease, await play.take(), { block: 11n })).transaction as OpenTransaction
      await play.worker.reopen(play.unfinal(transaction, 11n))
      const own = { ...play.transfer('own', 12n), transactionHash: second.attempts[0]?.hash ?? '0x' }
      play.tell(await play.decide(transaction, 12n, [{ kind: 'other', transfer: own }]))
      play.tell(await play.decide(second, 12n, [MINED]))
      await play.tellFacts()
    },
    expected: [
      ...[true, true],
      facts(['mined 3 key'], ['claim sign sign mine'], { usedTransfers: 1, ledger: paidBooks('a'), nextNonce: 2n }),
    ],
  },
  {
    name: 'a transfer of ours in another block than the one decided pays nothing, and its row is watched',
    async run(play) {
      const { transaction } = await play.sent('a')
      const own = { ...play.transfer('own', 9n), transactionHash: transaction.attempts[0]?.hash ?? '0x' }
      play.tell(await play.decide(transaction, 11n, [{ kind: 'other', transfer: own }]))
      play.tell((await play.worker.watched(play.network, 10)).length)
      await play.tellFacts()
    },
    expected: [true, 1, facts(['failed 2 key'], ['claim sign fail'], { nextNonce: 1n })],
  },
  {
    name: 'what failed is searched for from the newest block at which it was unused, and what did not fail is left alone',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.worker.seenUnused([id], 9n)
      play.tell((await play.row(id)).seenUnusedBlock)
      await play.decide(transaction, 11n, [FAILED])
      for (const block of [10n, 9n]) await play.worker.seenUnused([id], block)
      const [watched] = await play.worker.watched(play.network, 10)
      play.tell([watched?.seenUnusedBlock, watched?.version === (await play.row(id)).version])
    },
    expected: [1n, [10n, true]],
  },
  {
    name: 'a row that has entered another nonce is not failed by the one before',
    async run(play) {
      const { transaction, lease } = await play.sent('a')
      await play.decide(transaction, 11n, [AGAIN])
      await play.sign(lease, await play.take(), { block: 11n })
      await play.worker.reopen(play.unfinal(transaction, 11n))
      await play.tellFacts()
      play.tell(await play.decide(transaction, 12n, [FAILED]))
      await play.tellFacts()
    },
    expected: [
      facts(['broadcast 2 key'], ['claim sign sign'], { flights: 200n, nextNonce: 2n }),
      true,
      facts(['broadcast 2 key'], ['claim sign sign'], { flights: 100n, nextNonce: 2n }),
    ],
  },
  {
    name: 'a row does not enter another nonce while its own is open again',
    async run(play) {
      const { transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [AGAIN])
      const rows = await play.take()
      await play.worker.reopen(play.unfinal(transaction, 11n))
      const result = await play.sign(await play.lease(), rows, { block: 12n })
      play.tell([result.transaction, result.gone.length])
      await play.stage.elapse(11 * SECOND_MS)
      play.tell((await play.take()).length)
    },
    expected: [[null, 1], 0],
  },
  {
    name: 'money that failed is in flight no more, also when its row ended while its block was gone',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [FAILED])
      await play.worker.reopen(play.unfinal(transaction, 11n))
      play.tell(await play.preempt(id, play.transfer(`${play.network} stranger`, 12n)))
      play.tell(await play.decide(transaction, 12n, []))
      play.tell((await play.stage.facts(play.network)).flights)
    },
    expected: [true, true, 0n],
  },
]
