import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { type GetSettlementDeps, getSettlement } from '@/lib/settlements/get-settlement'
import type { SettlementLook, SettlementOwner, SettlementRecord } from '@/lib/settlements/settlement-reader'

const START = Date.parse('2026-11-21T12:00:00Z')
const owner: SettlementOwner = { tenantId: newId('tenant', START), mode: 'test' }
const id = newId('settlement', START)

const row: SettlementRecord = {
  id,
  mode: 'test',
  key_id: 'key_1',
  request_id: 'req_1',
  x402_version: 2,
  network: 'eip155:84532',
  asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
  payer: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
  pay_to: '0x209693bc6afc0c5328ba36faf03c514ef312287c',
  amount: '10000',
  nonce: `0x${'ab'.repeat(32)}`,
  valid_before: '1795255284',
  resource: null,
  payment_identifier: null,
  state: 'broadcast',
  version: 1,
  reason: null,
  message: null,
  transaction_hash: null,
  position: null,
  block_number: null,
  granted_at: null,
  released_at: null,
  created_at: new Date(START),
  settled_at: null,
}

/** A row that looks so at each look, the last one for ever, by a clock that moves only while somebody waits. */
function given(looks: (SettlementLook | null)[], change: Partial<GetSettlementDeps> = {}) {
  let nowMs = START
  let looked = 0
  const waits: number[] = []
  const deps: GetSettlementDeps = {
    now: () => nowMs,
    isStopping: () => false,
    settlements: {
      look: async () => looks[Math.min(looked++, looks.length - 1)] ?? null,
      findWithHistory: async () => ({ row, history: [] }),
    },
    waitForChange: async (_, ms) => {
      waits.push(ms)
      nowMs += ms
    },
    ...change,
  }
  return { deps, waits, looks: () => looked, elapsedMs: () => nowMs - START }
}

describe('waiting for a settlement', () => {
  it('is cut into waits of a second at most, for a notice can be lost', async () => {
    const { deps, waits, elapsedMs } = given([row])
    await getSettlement(deps, { owner, id, waitSeconds: 20 })
    expect(Math.max(...waits)).toBeLessThanOrEqual(1_000)
    expect(elapsedMs()).toBe(20_000)
  })

  it('ends with the first look that shows another version, also of a state without an answer', async () => {
    const { deps, waits } = given([row, row, { ...row, version: 2 }])
    await getSettlement(deps, { owner, id, waitSeconds: 20 })
    expect(waits).toHaveLength(2)
  })

  it('ends when the process is about to end', async () => {
    let isStopping = false
    const { deps, waits } = given([row], { isStopping: () => isStopping })
    const { waitForChange } = deps
    const stopping = async (...args: Parameters<typeof waitForChange>) => {
      isStopping = waits.length === 1
      await waitForChange(...args)
    }
    await getSettlement({ ...deps, waitForChange: stopping }, { owner, id, waitSeconds: 20 })
    expect(waits).toHaveLength(2)
  })

  it.each<[string, Partial<SettlementLook>]>([
    ['paid', { state: 'mined' }],
    ['failed', { state: 'failed', reason: 'why' }],
    ['released, whatever its reason', { state: 'failed', reason: null, released_at: new Date(START) }],
    ['expired', { state: 'expired' }],
  ])('does not begin when the payment is %s', async (_, change) => {
    const { deps, waits } = given([{ ...row, ...change }])
    await getSettlement(deps, { owner, id, waitSeconds: 20 })
    expect(waits).toEqual([])
  })

  it('is not done for a row that is not there, nor by who does not ask for it', async () => {
    const nothing = given([null])
    nothing.deps.settlements.findWithHistory = async () => null
    const asked = getSettlement(nothing.deps, { owner, id, waitSeconds: 20 })
    await expect(asked).rejects.toEqual(expect.any(AppError))
    const unasked = given([row])
    await getSettlement(unasked.deps, { owner, id, waitSeconds: 0 })
    expect([nothing.waits, unasked.waits, unasked.looks()]).toEqual([[], [], 0])
  })

  it('never asks the database for what is no id', async () => {
    const { deps, looks } = given([row])
    deps.settlements.findWithHistory = async () => Promise.reject(new Error('asked'))
    const asked = getSettlement(deps, { owner, id: 'set_\0', waitSeconds: 20 })
    await expect(asked).rejects.toMatchObject({ code: 'resource_not_found' })
    expect(looks()).toBe(0)
  })
})
