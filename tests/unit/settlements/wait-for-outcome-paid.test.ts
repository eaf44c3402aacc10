import { describe, expect, it } from 'vitest'
import type { Settlement } from '@/lib/settlements/settlement'
import type { SettlementStore } from '@/lib/settlements/settlement-store'
import { NOW } from '@/tests/support/payment-rows'
import { given, HASH, outcome, waitIn } from '@/tests/support/wait-for-outcome'

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
