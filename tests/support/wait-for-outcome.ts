import { isAppError } from '@/lib/core/errors'
import type { SettlementTerms } from '@/lib/core/settlement-terms'
import type { Settlement } from '@/lib/settlements/settlement'
import type { Grant, SettlementStore } from '@/lib/settlements/settlement-store'
import { waitForOutcome } from '@/lib/settlements/wait-for-outcome'
import { aSettlement, NOW, nonceOf } from './payment-rows'

export const WAIT_MS = 25_000
export const HASH = nonceOf(0xbeef)

export const TERMS: SettlementTerms = { waitUntil: 'mined', acceptsOthers: true }

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
export function given(first: Partial<Settlement>, { becomes = [], isReleased = false }: Given = {}) {
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

/** What one caller is told of a row. */
export function outcome(first: Partial<Settlement>, options: Given = {}) {
  const world = given(first, options)
  return { world, answer: waitIn(world, options) }
}

/** One caller more, who waits for the same row. */
export function waitIn({ deps, row }: ReturnType<typeof given>, { keyHash = null, magic = null, ...rest }: Given) {
  const grant = { requestId: 'req_1', keyHash }
  const { waitUntil, acceptsOthers, isGone = () => false } = { ...TERMS, ...rest }
  const terms = { waitUntil, acceptsOthers }
  return waitForOutcome(deps, row, { untilMs: NOW + WAIT_MS, terms, grant, isGone, magic })
}

/** The code of our failure, or null. */
export const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => null,
    (error: unknown) => (isAppError(error) ? error.code : String(error)),
  )
