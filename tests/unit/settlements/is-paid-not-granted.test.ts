import { expect, it } from 'vitest'
import { SETTLEMENT_STATES } from '@/lib/core/settlement-states'
import { isPaidNotGranted } from '@/lib/settlements/is-paid-not-granted'
import type { Settlement } from '@/lib/settlements/settlement'
import { aSettlement } from '@/tests/support/payment-rows'

const PAID = aSettlement({ state: 'mined' })

const ask = (row: Settlement | null, acceptsOthers = true, other: Partial<Settlement> = {}) => {
  const asked = { ...PAID, ...other }
  const store = { findHeld: async () => row }
  return isPaidNotGranted({ store }, { transfer: asked, binding: asked, acceptsOthers })
}

it.each(
  SETTLEMENT_STATES.map(
    (state) => [state, ['broadcast', 'mined', 'final', 'settled_by_other', 'reorged'].includes(state)] as const,
  ),
)('a used authorization whose settlement is %s is owed to its seller: %s', async (state, isOwed) => {
  expect(await ask({ ...PAID, state })).toBe(isOwed)
})

it('is owed to nobody who was granted it, who is bound to other terms, or who takes no payment by others', async () => {
  expect(await ask({ ...PAID, grantedAt: new Date() })).toBe(false)
  expect(await ask(PAID, true, { requirementsHash: 'other' })).toBe(false)
  expect(await ask({ ...PAID, state: 'settled_by_other' }, false)).toBe(false)
  expect(await ask(null)).toBe(false)
})
