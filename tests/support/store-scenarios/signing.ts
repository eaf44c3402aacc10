import { SECOND_MS } from '@/lib/core/clock'
import type { Settlement } from '@/lib/settlements/settlement'
import type { OpenTransaction } from '@/lib/settlements/settler-store'
import { payerOf, WALLET } from './play'
import { facts, MINED, REFUSAL, type Scenario } from './scenario'

/** Taking rows, leasing a wallet, and signing. */
export const SIGNING: Scenario[] = [
  {
    name: 'what is taken is taken from the others, for a while',
    async run(play) {
      const id = await play.queued('a')
      play.tell([(await play.take()).length, (await play.take()).length])
      await play.stage.elapse(11 * SECOND_MS)
      play.tell((await play.take()).length)
      await play.worker.putBack([id], 400)
      play.tell((await play.take()).length)
      await play.stage.elapse(SECOND_MS)
      play.tell((await play.take()).length)
    },
    expected: [[1, 0], 1, 0, 1],
  },
  {
    name: 'a wallet has one holder, and its fence grows with each new one',
    async run(play) {
      const first = await play.lease('one')
      const again = await play.lease('one')
      play.tell([again.fence - first.fence, await play.worker.lease(play.network, WALLET, 'two')])
      await play.stage.elapse(16 * SECOND_MS)
      const second = await play.lease('two')
      await play.worker.release(first)
      play.tell([second.fence - first.fence, await play.worker.lease(play.network, WALLET, 'one')])
      await play.worker.release(second)
      play.tell((await play.lease('one')).fence - first.fence)
    },
    expected: [[0n, null], [1n, null], 2n],
  },
  {
    name: 'a holder whose lease is another’s by now writes nothing',
    async run(play) {
      const { transaction, lease } = await play.sent('a')
      await play.queued('b')
      const rows = await play.take()
      await play.stage.elapse(16 * SECOND_MS)
      play.tell(await play.fails(() => play.sign(lease, rows)))
      await play.lease('two')
      play.tell(await play.fails(() => play.sign(lease, rows)))
      play.tell(await play.fails(() => play.worker.addAttempt(lease, transaction, play.attempt('more'))))
      await play.tellFacts()
    },
    expected: [
      ...['LeaseLost', 'LeaseLost', 'LeaseLost'],
      facts(['broadcast 1 key', 'queued 0 key ready'], ['claim sign', 'claim'], { flights: 100n, nextNonce: 1n }),
    ],
  },
  {
    name: 'a row that has changed since it was simulated is not signed, and no nonce is lost by it',
    async run(play) {
      const [gone, late] = [await play.queued('a'), await play.queued('b')]
      const lease = await play.lease()
      const rows = await play.take()
      await play.web.releaseLate(gone, 0)
      await play.stage.elapse(21 * SECOND_MS)
      const result = await play.sign(await play.lease(lease.owner), rows)
      play.tell([result.transaction, result.signed.length, result.gone.map(({ id }) => id === gone || id === late)])
      play.tell(await play.worker.releaseOverdue(play.network))
      await play.tellFacts()
    },
    expected: [
      [null, 0, [true, true]],
      1,
      facts(['failed 1 free', 'failed 1 free'], ['claim release', 'claim release'], { nextNonce: 0n }),
    ],
  },
  {
    name: 'a row that is signed cannot be released or refused any more, but by its version',
    async run(play) {
      const { id } = await play.sent('a')
      const before = { ...(await play.row(id)), state: 'queued', version: 0 } as Settlement
      play.tell([await play.web.releaseLate(id, 0), await play.web.releaseLate(id, 1)])
      play.tell(await play.worker.refuse(before, REFUSAL))
      play.tell(await play.worker.refuse({ ...before, version: 1 }, REFUSAL))
      await play.tellFacts()
    },
    expected: [
      ...[[false, false], false, false],
      facts(['broadcast 1 key'], ['claim sign'], { flights: 100n, nextNonce: 1n }),
    ],
  },
  {
    name: 'money in flight is not spent twice, nor on a balance read before the last of it landed',
    async run(play) {
      const payer = payerOf('a')
      await play.queued('a')
      await play.queued('b', { payer })
      const lease = await play.lease()
      const first = await play.sign(lease, await play.take(), { balance: 150n })
      play.tell([first.signed.length, first.waiting.length])
      await play.decide(first.transaction as OpenTransaction, 20n, [MINED])
      await play.stage.elapse(11 * SECOND_MS)
      const rows = await play.take()
      const stale = await play.sign(lease, rows, { balance: 150n, block: 19n })
      play.tell([stale.transaction, stale.waiting.length])
      const fresh = await play.sign(lease, rows, { balance: 100n, block: 20n })
      play.tell([fresh.signed.length, fresh.transaction?.nonce])
    },
    expected: [
      [1, 1],
      [null, 1],
      [1, 1n],
    ],
  },
  {
    name: 'new bytes for a nonce keep its members, and the row names the newest that would pay it',
    async run(play) {
      const { id, transaction, lease } = await play.sent('a')
      const dearer = await play.worker.addAttempt(lease, transaction, play.attempt('dearer'))
      const named = await play.row(id)
      play.tell(dearer.attempts.findIndex(({ hash }) => hash === named.transactionHash))
      await play.worker.addAttempt(lease, dearer, play.attempt('nothing', 'cancel'))
      play.tell((await play.row(id)).transactionHash === named.transactionHash)
      const [open] = await play.worker.openTransactions(play.network, WALLET, new Map())
      play.tell(open?.attempts.map(({ kind }) => kind))
      const known = new Map([[transaction.id, open as OpenTransaction]])
      play.tell((await play.worker.openTransactions(play.network, WALLET, known))[0] === open)
      play.tell((await play.worker.membersOf(transaction.id)).map((member) => [member.id === id, member.entered]))
    },
    expected: [1, true, ['settle', 'settle', 'cancel'], true, [[true, 1]]],
  },
]
