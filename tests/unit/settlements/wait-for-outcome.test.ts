import { describe, expect, it } from 'vitest'
import { isAppError } from '@/lib/core/errors'
import { SETTLEMENT_STATES } from '@/lib/core/settlement-states'
import type { SettlementTerms } from '@/lib/core/settlement-terms'
import type { Settlement } from '@/lib/settlements/settlement'
import type { Grant, SettlementStore } from '@/lib/settlements/settlement-store'
import { waitForOutcome } from '@/lib/settlements/wait-for-outcome'
import { aSettlement, NOW, nonceOf } from '@/tests/support/payment-rows'

const WAIT_MS = 25_000
const HASH = nonceOf(0xbeef)

const TERMS: SettlementTerms = { waitUntil: 'mined', acceptsOthers: true }

type Given = Partial<SettlementTerms> & {
  isGone?: () => boolean
  /** What becomes of the row, at each change somebody waits for; it stays the last one. */
  becomes?: Partial<Settlement>[]
  keyHash?: string | null
  /** Whether the row can be freed when the time is up. */
  isReleased?: boolean
  magic?: 'settled' | 'pending_settled' | 'pending_failed' | null
}

/** A store of one row as a plain object, by a clock that moves only while somebody waits. */
function given(first: Partial<Settlement>, { becomes = [], isReleased = false }: Given = {}) {
  let row = aSettlement(first)
  let nowMs = NOW
  const rest = [...becomes]
  const grants: Grant[] = []
  const refuse = async () => {
    throw new Error('not for whoever waits')
  }
  const store: SettlementStore = {
    findHeld: refuse,
    claim: refuse,
    recordRefusal: refuse,
    takeBackGrant: refuse,
    repeatGrant: async (_, __, keyHash) => row.grantedAt !== null && row.grantKey === keyHash,
    retry: refuse,
    rememberKey: refuse,
    find: async () => row,
    async grant(_, grant) {
      if (row.grantedAt !== null) return false
      grants.push(grant)
      row = { ...row, grantedAt: new Date(nowMs), grantKey: grant.keyHash }
      return true
    },
    async releaseLate() {
      if (isReleased) row = { ...row, state: 'failed', releasedAt: new Date(nowMs), reason: 'settlement_unavailable' }
      return isReleased
    },
    async playMagic(_, version, transition) {
      const state = ({ sign: 'broadcast', mine: 'mined', fail: 'failed' } as const)[transition]
      const reason = transition === 'fail' ? 'invalid_exact_evm_transaction_failed' : null
      row = { ...row, state, reason, version: version + 1, transactionHash: HASH }
      return true
    },
  }
  const waitForChange = async (_: string, ms: number) => {
    nowMs += ms
    const next = rest.shift()
    if (next) row = { ...row, ...next, version: row.version + 1 }
  }
  return {
    deps: { now: () => nowMs, store, waitForChange },
    row,
    grants,
    change: (next: Partial<Settlement>) => {
      row = { ...row, ...next }
    },
    passed: () => nowMs - NOW,
  }
}

function outcome(first: Partial<Settlement>, options: Given = {}) {
  const world = given(first, options)
  return { world, answer: waitIn(world, options) }
}

function waitIn({ deps, row }: ReturnType<typeof given>, { keyHash = null, magic = null, ...rest }: Given) {
  const grant = { requestId: 'req_1', keyHash }
  const { waitUntil, acceptsOthers, isGone = () => false } = { ...TERMS, ...rest }
  const terms = { waitUntil, acceptsOthers }
  return waitForOutcome(deps, row, { untilMs: NOW + WAIT_MS, terms, grant, isGone, magic })
}

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => null,
    (error: unknown) => (isAppError(error) ? error.code : String(error)),
  )

describe('a row that is paid', () => {
  it.each(['mined', 'final', 'settled_by_other'] as const)('%s is granted to whoever comes first', async (state) => {
    const { world, answer } = outcome({ state, transactionHash: HASH })
    expect(await answer).toMatchObject({ kind: 'paid', settlement: { id: world.row.id } })
    expect(world.grants).toEqual([{ requestId: 'req_1', keyHash: null }])
    expect(world.passed()).toBe(0)
  })

  it('is granted once: of many that wait at the same time one has it, all others are duplicates', async () => {
    const world = given(
      { state: 'queued' },
      { becomes: [{ state: 'broadcast', transactionHash: HASH }, { state: 'mined' }] },
    )
    const answers = await Promise.all(Array.from({ length: 20 }, () => waitIn(world, {})))
    expect(answers.filter(({ kind }) => kind === 'paid')).toHaveLength(1)
    expect(answers.filter(({ kind }) => kind === 'duplicate')).toHaveLength(19)
  })

  it('is answered with success again to the Idempotency-Key it was granted to, and to no other', async () => {
    const world = given({ state: 'mined' })
    expect(await waitIn(world, { keyHash: 'mine' })).toMatchObject({ kind: 'paid', isReplayed: false })
    expect(await waitIn(world, { keyHash: 'mine' })).toMatchObject({ kind: 'paid', isReplayed: true })
    expect((await waitIn(world, { keyHash: 'another' })).kind).toBe('duplicate')
    expect((await waitIn(world, { keyHash: null })).kind).toBe('duplicate')
  })

  it('without a key is nobody’s to repeat: no key is not a key', async () => {
    const world = given({ state: 'mined' })
    expect((await waitIn(world, { keyHash: null })).kind).toBe('paid')
    expect((await waitIn(world, { keyHash: null })).kind).toBe('duplicate')
  })

  it('by somebody else is no success for a tenant that does not accept that', async () => {
    const { world, answer } = outcome({ state: 'settled_by_other', transactionHash: HASH }, { acceptsOthers: false })
    const refusal = { reason: 'invalid_exact_evm_nonce_already_used' }
    expect(await answer).toMatchObject({ kind: 'refused', refusal, settlement: { id: world.row.id } })
    expect(world.grants).toEqual([])
  })

  it('by our own transaction is a success for such a tenant too, and what was granted before stays granted', async () => {
    expect(await outcome({ state: 'mined' }, { acceptsOthers: false }).answer).toMatchObject({ kind: 'paid' })
    const world = given({ state: 'settled_by_other' })
    expect(await waitIn(world, { keyHash: 'mine' })).toMatchObject({ kind: 'paid' })
    const now = { ...world, row: (await world.deps.store.find(world.row.id)) as Settlement }
    expect(await waitIn(now, { keyHash: 'mine', acceptsOthers: false })).toMatchObject({
      kind: 'paid',
      isReplayed: true,
    })
    expect(await waitIn(now, { acceptsOthers: false })).toMatchObject({ kind: 'duplicate' })
  })

  it('and waited for until it is final is not answered while it is mined', async () => {
    const becomes = [{ state: 'mined', transactionHash: HASH }, {}, { state: 'final' }] as const
    const { world, answer } = outcome({ state: 'queued' }, { waitUntil: 'final', becomes: [...becomes] })
    expect(await answer).toMatchObject({ kind: 'paid', settlement: { state: 'final' } })
    expect(world.grants).toHaveLength(1)
  })

  it('is not granted to a caller who has hung up: it is for whoever asks next', async () => {
    const world = given({ state: 'mined', transactionHash: HASH })
    expect((await waitIn(world, { isGone: () => true })).kind).not.toBe('paid')
    expect(world.grants).toEqual([])
    expect(await waitIn(world, {})).toMatchObject({ kind: 'paid' })
  })

  it('and granted before is answered as it is, also when its tenant waits for finality since', async () => {
    const world = given({ state: 'mined', transactionHash: HASH, grantedAt: new Date(NOW), grantKey: 'mine' })
    expect(await waitIn(world, { waitUntil: 'final', keyHash: 'mine' })).toMatchObject({
      kind: 'paid',
      isReplayed: true,
    })
    expect(await waitIn(world, { waitUntil: 'final' })).toMatchObject({ kind: 'duplicate' })
    expect(world.passed()).toBe(0)
  })

  it('and not final in time is pending and not granted', async () => {
    const { world, answer } = outcome({ state: 'mined', transactionHash: HASH }, { waitUntil: 'final' })
    expect(await answer).toMatchObject({ kind: 'pending', settlement: { transactionHash: HASH } })
    expect(world.grants).toEqual([])
  })
})

describe('a row that somebody else’s transaction has paid', () => {
  const other = { state: 'settled_by_other', transactionHash: HASH } as const

  it('is final when its block is', async () => {
    const waiting = { waitUntil: 'final' } as const
    expect((await outcome({ ...other, isOtherFinal: false }, waiting).answer).kind).toBe('pending')
    expect((await outcome({ ...other, isOtherFinal: true }, waiting).answer).kind).toBe('paid')
  })
})

it('a grant whose answer from the database was lost is taken back: its success is not answered', async () => {
  const world = given({ state: 'mined' })
  const takenBack: string[] = []
  const store: SettlementStore = {
    ...world.deps.store,
    grant: async () => {
      throw new Error('the connection broke')
    },
    takeBackGrant: async (id, requestId) => void takenBack.push(`${id} ${requestId}`),
  }
  await expect(waitIn({ ...world, deps: { ...world.deps, store } }, {})).rejects.toThrow('the connection broke')
  expect(takenBack).toEqual([`${world.row.id} req_1`])
})

describe('a row that is not paid', () => {
  it.each(['failed', 'expired'] as const)('%s after a broadcast tells its reason', async (state) => {
    const row = { state, reason: 'invalid_exact_evm_insufficient_balance', message: 'why', transactionHash: HASH }
    const { answer } = outcome(row)
    expect(await answer).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'invalid_exact_evm_insufficient_balance', message: 'why' },
      settlement: { transactionHash: HASH },
    })
  })

  it('released with a reason tells it', async () => {
    const row = {
      state: 'failed',
      releasedAt: new Date(NOW),
      reason: 'invalid_exact_evm_insufficient_balance',
    } as const
    expect(await outcome(row).answer).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'invalid_exact_evm_insufficient_balance' },
    })
  })

  it('released because nobody signed it in time is our failure and no verdict: 503', async () => {
    const row = { state: 'failed', releasedAt: new Date(NOW), reason: 'settlement_unavailable' } as const
    expect(await codeOf(outcome(row).answer)).toBe('settlement_unavailable')
  })

  it('failed and queued again is waited for', async () => {
    const becomes = [{ state: 'broadcast' }, { state: 'mined' }] as const
    const first = { state: 'failed', reason: null, transactionHash: HASH } as const
    expect((await outcome(first, { becomes: [...becomes] }).answer).kind).toBe('paid')
  })
})

describe('when the time is up', () => {
  it('a row with stored bytes is pending, with their hash', async () => {
    const { world, answer } = outcome({ state: 'broadcast', transactionHash: HASH })
    expect(await answer).toMatchObject({ kind: 'pending', settlement: { transactionHash: HASH } })
    expect(world.passed()).toBeGreaterThanOrEqual(WAIT_MS)
    expect(world.grants).toEqual([])
  })

  it('a row that was never signed is freed, and answered as our failure', async () => {
    const { world, answer } = outcome({ state: 'queued' }, { isReleased: true })
    expect(await codeOf(answer)).toBe('settlement_unavailable')
    expect((await world.deps.store.find(world.row.id))?.releasedAt).not.toBeNull()
  })

  it('a row that is signed in the very moment it is to be freed is pending', async () => {
    const world = given({ state: 'queued' })
    const releaseLate = async () => {
      world.change({ state: 'broadcast', transactionHash: HASH, version: 1 })
      return false
    }
    const answer = await waitIn({ ...world, deps: { ...world.deps, store: { ...world.deps.store, releaseLate } } }, {})
    expect(answer).toMatchObject({ kind: 'pending', settlement: { transactionHash: HASH } })
  })

  it('a row that somebody else has freed tells why', async () => {
    const world = given({ state: 'queued' })
    const releaseLate = async () => {
      world.change({ state: 'failed', releasedAt: new Date(NOW), reason: 'settlement_unavailable' })
      return false
    }
    const answer = waitIn({ ...world, deps: { ...world.deps, store: { ...world.deps.store, releaseLate } } }, {})
    expect(await codeOf(answer)).toBe('settlement_unavailable')
  })

  it('a row that can neither be freed nor has bytes is never called pending: official clients need a hash', async () => {
    expect(await codeOf(outcome({ state: 'queued' }).answer)).toBe('settlement_unavailable')
  })

  it.each(SETTLEMENT_STATES)('a row that stays %s has an answer, whatever it is', async (state) => {
    const { answer } = outcome({ state, reason: null, transactionHash: HASH }, { waitUntil: 'final' })
    expect(['paid', 'pending', 'refused']).toContain((await answer).kind)
  })

  it('whoever comes when no time is left is answered at once', async () => {
    const world = given({ state: 'broadcast', transactionHash: HASH })
    const grant = { requestId: 'req_1', keyHash: null }
    const late = { untilMs: NOW - 5_000, terms: TERMS, grant, isGone: () => false, magic: null }
    expect((await waitForOutcome(world.deps, world.row, late)).kind).toBe('pending')
    expect(world.passed()).toBe(0)
  })
})

describe('a magic payment', () => {
  it('that settles does so without a chain', async () => {
    expect(await outcome({}, { magic: 'settled' }).answer).toMatchObject({ kind: 'paid' })
  })

  it.each([
    ['pending_settled', 'paid'],
    ['pending_failed', 'refused'],
  ] as const)('%s is pending first, with a hash, and %s some seconds later', async (magic, kind) => {
    const world = given({})
    expect(await waitIn(world, { magic })).toMatchObject({ kind: 'pending', settlement: { transactionHash: HASH } })
    await world.deps.waitForChange('', 3_000)
    const row = (await world.deps.store.find(world.row.id)) ?? world.row
    expect((await waitIn({ ...world, row }, { magic })).kind).toBe(kind)
  })
})
