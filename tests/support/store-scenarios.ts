import { createHash } from 'node:crypto'
import type { Hex } from '@/lib/core/hex'
import { newId, type TenantId } from '@/lib/core/ids'
import { transferEntries } from '@/lib/settlements/ledger'
import type { MinedTransfer, Settlement, SettlementId } from '@/lib/settlements/settlement'
import type { Claim, SettlementStore } from '@/lib/settlements/settlement-store'
import type {
  Decision,
  Lease,
  MemberOutcome,
  OpenTransaction,
  Ready,
  SettlerStore,
  SignResult,
} from '@/lib/settlements/settler-store'

export type Facts = {
  /** In the order in which they were claimed: state, version, and whether it holds its key and waits. */
  rows: string[]
  /** The names of all changes of each row. */
  changes: string[]
  flights: bigint
  usedTransfers: number
  /** Sums of the ledger that are not zero, by account. */
  ledger: Record<string, bigint>
  nextNonce: bigint | null
}

/** Both sides of the stores over one database, real or not. */
export type StoreStage = {
  web: SettlementStore
  worker: SettlerStore
  /** So much time passes. */
  elapse(ms: number): Promise<void>
  facts(network: string): Promise<Facts>
}

export const TENANTS = ['ten_a', 'ten_b'] as TenantId[]
const ASSET: Hex = `0x${'a5'.repeat(20)}`
const SELLER: Hex = `0x${'5e'.repeat(20)}`
const WALLET: Hex = `0x${'3a'.repeat(20)}`
const YEAR_SECONDS = 31_536_000n
const SECOND_MS = 1_000
const digest = (text: string): Hex => `0x${createHash('sha256').update(text).digest('hex')}`
const payerOf = (name: string): Hex => `0x${digest(`payer ${name}`).slice(2, 42)}`
const REFUSAL = { reason: 'invalid_exact_evm_transaction_failed', message: 'It failed.' }

/** What a scenario does with a stage; what it sees goes to `tell`. */
export class Play {
  readonly told: unknown[] = []
  private signed = 0

  constructor(
    readonly stage: StoreStage,
    readonly network: string,
  ) {}

  get web(): SettlementStore {
    return this.stage.web
  }

  get worker(): SettlerStore {
    return this.stage.worker
  }

  tell(value: unknown): void {
    this.told.push(value)
  }

  async tellFacts(): Promise<void> {
    this.told.push(await this.stage.facts(this.network))
  }

  claim(name: string, changes: Partial<Claim> = {}): Claim {
    return {
      ...{ id: newId('settlement', Date.now()), tenantId: 'ten_a' as TenantId, mode: 'test', keyId: 'key' },
      ...{ requestId: 'req', x402Version: 2, network: this.network, asset: ASSET, payer: payerOf(name) },
      ...{ payTo: SELLER, amount: 100n, nonce: digest(`${this.network} ${name}`), validAfter: 0n, callData: '0x01' },
      validBefore: BigInt(Math.floor(Date.now() / 1_000)) + YEAR_SECONDS,
      ...{ requirementsHash: 'terms', resource: null, paymentIdentifier: null, seenUnusedBlock: 1n, isMagic: false },
      request: '{}',
      ...changes,
    }
  }

  /** A queued row. */
  async queued(name: string, changes: Partial<Claim> = {}): Promise<SettlementId> {
    const claim = this.claim(name, changes)
    const outcome = await this.web.claim(claim)
    if (outcome !== 'claimed') throw new Error(`the claim was ${outcome}`)
    return claim.id
  }

  async row(id: SettlementId): Promise<Settlement> {
    const row = await this.web.find(id)
    if (!row) throw new Error('there is no such row')
    return row
  }

  take(): Promise<Ready[]> {
    return this.worker.takeReady(this.network, 10)
  }

  async lease(owner = 'one'): Promise<Lease> {
    await this.worker.registerWallet(this.network, WALLET, 0n)
    const lease = await this.worker.lease(this.network, WALLET, owner)
    if (!lease) throw new Error('the wallet is leased to another')
    return lease
  }

  sign(lease: Lease, rows: readonly Ready[], { balance = 1_000n, block = 10n } = {}): Promise<SignResult> {
    const candidates = rows.map((row) => ({ row, balance }))
    const build = async (_rows: readonly Ready[], nonce: bigint) => this.attempt(`nonce ${nonce}`)
    return this.worker.sign({ lease, block, candidates, build })
  }

  attempt(text: string, kind: 'settle' | 'cancel' = 'settle') {
    const raw: Hex = `0x${(++this.signed).toString(16).padStart(4, '0')}`
    return { raw, hash: digest(`${this.network} ${text} ${this.signed}`), kind, gas: 1n, maxFeeWei: 10n, tipWei: 1n }
  }

  /** A row that was signed, with its transaction. */
  async sent(name: string): Promise<{ id: SettlementId; transaction: OpenTransaction; lease: Lease }> {
    const id = await this.queued(name)
    const lease = await this.lease()
    const { transaction } = await this.sign(lease, await this.take())
    if (!transaction) throw new Error('nothing was signed')
    return { id, transaction, lease }
  }

  /** Decides a transaction in a block, with one outcome for each member. */
  async decide(transaction: OpenTransaction, block: bigint, outcomes: readonly MemberOutcome[]): Promise<boolean> {
    const members = await this.worker.membersOf(transaction.id)
    const hash = transaction.attempts.at(-1)?.hash ?? '0x'
    const at = { blockNumber: block, blockHash: digest(`block ${block}`) }
    const pairs = members.map((row, index) => ({ row, outcome: outcomes[index] as MemberOutcome, gasWei: 5n }))
    const entries = pairs.flatMap(({ row, outcome }) => {
      if (outcome.kind === 'mined') {
        return transferEntries(row, { ...at, transactionHash: hash, position: outcome.position })
      }
      return outcome.kind === 'other' ? transferEntries(row, outcome.transfer) : []
    })
    const mined: Decision['mined'] = { ...at, hash, succeeded: true, feeWei: 5n }
    return this.worker.decide({ transaction, mined, outcomes: pairs, entries, shares: [] })
  }

  unfinal(transaction: OpenTransaction, block: bigint) {
    return { transactionId: transaction.id, blockNumber: block, blockHash: digest(`block ${block}`) }
  }

  transfer(text: string, block: bigint, position = 1): MinedTransfer {
    return { transactionHash: digest(text), position, blockNumber: block, blockHash: digest(`block ${block}`) }
  }

  async preempt(id: SettlementId, transfer: MinedTransfer, row?: Settlement): Promise<boolean> {
    const paid = row ?? (await this.row(id))
    return this.worker.preempt(paid, transfer, transferEntries(paid, transfer))
  }

  async fails(call: () => Promise<unknown>): Promise<string> {
    return call().then(
      () => 'done',
      (error: Error) => error.name,
    )
  }
}

const MINED: MemberOutcome = { kind: 'mined', position: 1 }
const FAILED: MemberOutcome = { kind: 'failed', refusal: REFUSAL }
const AGAIN: MemberOutcome = { kind: 'again', isAlone: false }

export type Scenario = { name: string; run(play: Play): Promise<void>; expected: unknown[] }

const facts = (rows: string[], changes: string[], rest: Partial<Facts> = {}): Facts => ({
  ...{ rows, changes, flights: 0n, usedTransfers: 0, ledger: {}, nextNonce: null },
  ...rest,
})
const paidBooks = (name: string) => ({ [`payer:${payerOf(name)}`]: -100n, [`seller:ten_a:${SELLER}`]: 100n })

const WEB: Scenario[] = [
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
    },
    expected: [true, [false, true]],
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

const SIGNING: Scenario[] = [
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

const DECIDING: Scenario[] = [
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

const REORGS: Scenario[] = [
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

export const STORE_SCENARIOS: readonly Scenario[] = [...WEB, ...SIGNING, ...DECIDING, ...REORGS]
