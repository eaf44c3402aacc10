import { SECOND_MS } from '@/lib/core/clock'
import type { TenantId } from '@/lib/core/ids'
import type { Claim } from '@/lib/settlements/settlement-store'
import { FAILED, facts, MINED, REFUSAL, type Scenario } from './scenario'

/** What web does with a payment: claims, grants, retries and refusals. */
export const WEB: Scenario[] = [
  {
    name: 'one of many claims has the key, and whoever comes later finds its row, whatever his terms',
    async run(play) {
      const claims = Array.from({ length: 12 }, () => play.claim('a'))
      const outcomes = await Promise.all(claims.map((claim) => play.web.claim(claim)))
      play.tell(outcomes.filter((outcome) => outcome === 'claimed').length)
      play.tell(await play.web.claim(play.claim('a', { tenantId: 'ten_b' as TenantId, requirementsHash: 'other' })))
      play.tell((await play.web.findHeld(claims[0] as Claim))?.tenantId)
      await play.tellFacts()
    },
    expected: [1, 'held', 'ten_a', facts(['queued 0 key ready'], ['claim'])],
  },
  {
    name: 'a row that nobody signed is released once, and its key is free for another',
    async run(play) {
      const id = await play.queued('a')
      play.tell(await play.web.releaseLate(id, 7))
      play.tell(await play.web.releaseLate(id, 0))
      play.tell(await play.web.releaseLate(id, 1))
      play.tell(await play.preempt(id, play.transfer('stranger', 5n)))
      play.tell(await play.web.claim(play.claim('a')))
      await play.tellFacts()
    },
    expected: [
      ...[false, true, false, false, 'claimed'],
      facts(['failed 1 free', 'queued 0 key ready'], ['claim release', 'claim']),
    ],
  },
  {
    name: 'a success is granted once, again to the same request only, and anew when it was taken back',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      const grant = (requestId: string) => play.web.grant(id, { requestId, keyHash: `key of ${requestId}` })
      play.tell(await grant('early'))
      await play.decide(transaction, 11n, [MINED])
      const many = await Promise.all(Array.from({ length: 12 }, (_, index) => grant(`request ${index}`)))
      play.tell(many.filter(Boolean).length)
      await Promise.all(many.map((_, index) => play.web.takeBackGrant(id, `request ${index}`)))
      play.tell([await grant('x'), await grant('y'), await grant('x')])
      await play.web.takeBackGrant(id, 'y')
      play.tell([await grant('y'), (await play.row(id)).grantKey])
    },
    expected: [false, 1, [true, false, true], [false, 'key of x']],
  },
  {
    name: 'a request that did not hear of its grant has it, also when its block is gone meanwhile; nobody else does',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [MINED])
      const grant = (requestId: string) => play.web.grant(id, { requestId, keyHash: null })
      play.tell(await grant('first'))
      await play.worker.reopen(play.unfinal(transaction, 11n))
      play.tell([await grant('second'), await grant('first')])
      play.tell(await Promise.all(['second', 'first', 'third'].map(grant)))
    },
    expected: [true, [false, true], [false, true, false]],
  },
  {
    name: 'a repeat by the same key has the grant from then on: whoever had it before takes nothing back',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      play.tell(await play.web.repeatGrant(id, 'early', 'key'))
      await play.decide(transaction, 11n, [MINED])
      play.tell(await play.web.repeatGrant(id, 'too early', 'key'))
      play.tell(await play.web.grant(id, { requestId: 'first', keyHash: 'key' }))
      play.tell([await play.web.repeatGrant(id, 'stranger', 'other'), await play.web.repeatGrant(id, 'second', 'key')])
      await play.web.takeBackGrant(id, 'first')
      play.tell([await play.web.grant(id, { requestId: 'third', keyHash: null }), (await play.row(id)).grantKey])
      await play.web.takeBackGrant(id, 'second')
      play.tell([await play.web.repeatGrant(id, 'late', 'key'), (await play.row(id)).grantKey])
    },
    expected: [false, false, true, [false, true], [false, 'key'], [false, null]],
  },
  {
    name: 'a failed row is queued again once, by whoever saw it as it is, and falls back when nobody signs it',
    async run(play) {
      const { id, transaction } = await play.sent('a')
      await play.decide(transaction, 11n, [FAILED])
      const { version } = await play.row(id)
      play.tell([await play.web.retry(id, version - 1), await play.web.retry(id, version)])
      play.tell([await play.web.retry(id, version), await play.web.retry(id, version + 1)])
      await play.stage.elapse(21 * SECOND_MS)
      play.tell([(await play.take()).length, await play.worker.releaseOverdue(play.network)])
      await play.tellFacts()
    },
    expected: [
      ...[
        [false, true],
        [false, false],
        [0, 1],
      ],
      facts(['failed 4 key'], ['claim sign fail retry fail'], { nextNonce: 1n }),
    ],
  },
  {
    name: 'a refusal before the claim holds no key',
    async run(play) {
      await play.web.recordRefusal(play.claim('a'), REFUSAL)
      play.tell(await play.web.claim(play.claim('a')))
      await play.tellFacts()
    },
    expected: ['claimed', facts(['failed 0 free', 'queued 0 key ready'], ['refuse', 'claim'])],
  },
  {
    name: 'an Idempotency-Key stands for one request',
    async run(play) {
      const remember = (fingerprint: string, tenantId = 'ten_a') =>
        play.web.rememberKey({ tenantId, mode: play.network, keyHash: 'key', fingerprint })
      play.tell([await remember('x'), await remember('x'), await remember('y'), await remember('y', 'ten_b')])
    },
    expected: [[true, true, false, true]],
  },
]
