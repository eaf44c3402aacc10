import { describe, expect, it } from 'vitest'
import { AppError } from '@/lib/core/errors'
import { newId } from '@/lib/core/ids'
import { queuedRow } from '@/lib/settlements/claim'
import { type SettlePaymentDeps, settlePayment } from '@/lib/settlements/settle-payment'
import type { Settlement } from '@/lib/settlements/settlement'
import type { SettlementStore } from '@/lib/settlements/settlement-store'
import { aSettlement, BASE_SEPOLIA, NOW, nonceOf } from '@/tests/support/payment-rows'

// The database goes away while somebody settles. The row goes its way without this process, so that no answer may say
// that nothing was done; and where the database comes back in time, the answer is the one that there is.

const WAIT_MS = 25_000
const HASH = nonceOf(0xbeef)

type Statement = 'claim' | 'find' | 'grant' | 'releaseLate'
type Outage = {
  of: Statement
  /** Milliseconds after which the database answers again. */
  ms?: number
  /** What was asked at first is carried out, and its answer lost. */
  isDone?: boolean
}

/** One payment, and a store of one row by a clock that moves only while somebody waits. */
function settleDuring({ of, ms = Number.POSITIVE_INFINITY, isDone = false }: Outage, worker: Partial<Settlement>) {
  const payment = aSettlement()
  let nowMs = NOW
  let row: Settlement | null = null
  let units = 0
  let grants = 0
  const isAway = (name: Statement) => name === of && nowMs - NOW < ms
  const unlessAway = async <T>(name: Statement, run: () => T): Promise<T> => {
    if (!isAway(name)) return run()
    if (isDone) run()
    throw new AppError('database_unavailable')
  }
  const refuse = async () => {
    throw new Error('not for this payment')
  }
  const store: SettlementStore = {
    findHeld: async () => row,
    recordRefusal: refuse,
    retry: refuse,
    rememberKey: refuse,
    playMagic: refuse,
    takeBackGrant: refuse,
    repeatGrant: refuse,
    find: () => unlessAway('find', () => row),
    claim: (claim) =>
      unlessAway('claim', () => {
        if (row) return 'held'
        row = queuedRow(claim, nowMs)
        return 'claimed'
      }),
    grant: () =>
      unlessAway('grant', () => {
        grants++
        return true
      }),
    releaseLate: () => unlessAway('releaseLate', () => false),
  }
  const deps: SettlePaymentDeps = {
    now: () => nowMs,
    store,
    waitForChange: async (_, waitMs) => {
      nowMs += waitMs
      if (row) row = { ...row, ...worker }
    },
    judge: async () => ({ block: 1n }),
    seenUnusedAt: async () => null,
    requireReady: async () => undefined,
    quota: { take: async () => void units++, giveBack: async () => void units-- },
    waitMs: WAIT_MS,
  }
  const answer = settlePayment(deps, {
    tenantId: payment.tenantId,
    mode: 'test',
    keyId: newId('apiKey', NOW),
    requestId: newId('request', NOW),
    startedAt: NOW,
    payment: { network: BASE_SEPOLIA, x402Version: 2, transfer: payment, magic: null },
    requirements: {},
    terms: { waitUntil: 'mined', acceptsOthers: true },
    keyHash: null,
    resource: null,
    paymentIdentifier: null,
    request: '{}',
    isGone: () => false,
  })
  return { answer, units: () => units, grants: () => grants, passedMs: () => nowMs - NOW }
}

const MINED = { state: 'mined', transactionHash: HASH } as const

describe('the database is away for some seconds', () => {
  it.each(['claim', 'find', 'grant'] as const)('at %s: the same call gets its success', async (of) => {
    const { answer, units } = settleDuring({ of, ms: 5_000 }, MINED)
    expect(await answer).toMatchObject({ kind: 'paid' })
    expect(units()).toBe(1)
  })

  it('a claim whose answer was lost is the row of whoever asks again, and counts once', async () => {
    const { answer, units } = settleDuring({ of: 'claim', ms: 1_000, isDone: true }, MINED)
    expect(await answer).toMatchObject({ kind: 'paid' })
    expect(units()).toBe(1)
  })
})

describe('the database does not come back while the caller waits', () => {
  it.each(['claim', 'grant', 'releaseLate'] as const)(
    'at %s: the answer says that nothing is known, and never that nothing was done',
    async (of) => {
      const row = of === 'grant' ? MINED : {}
      const { answer } = settleDuring({ of }, row)
      const error = await answer.catch((cause: unknown) => cause)
      expect(error).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining('is not known') })
    },
  )

  it('an answer is given when the time is up, and not later', async () => {
    const { answer, passedMs } = settleDuring({ of: 'claim' }, {})
    await answer.catch(() => undefined)
    expect(passedMs()).toBeLessThanOrEqual(WAIT_MS + 1_000)
  })
})
