import { describe, expect, it } from 'vitest'
import { SETTLEMENT_STATES } from '@/lib/core/settlement-states'
import { waitForOutcome } from '@/lib/settlements/wait-for-outcome'
import { NOW } from '@/tests/support/payment-rows'
import { codeOf, given, HASH, outcome, TERMS, WAIT_MS, waitIn } from '@/tests/support/wait-for-outcome'

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
