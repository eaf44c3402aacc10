import { describe, expect, it } from 'vitest'
import { newId } from '@/lib/core/ids'
import type { StoredOverride } from '@/lib/usage/limit-override-store'
import { overrideLimit } from '@/lib/usage/override-limit'

const NOW = 1_800_000_000_000
const tenantId = newId('tenant', NOW)
const good = { name: 'minute', mode: null, value: 10, endsAt: null, reason: 'a load test' } as const

function overrideWith(changes: object) {
  const overrides = {
    insert: async (stored: Omit<StoredOverride, 'createdAt'>): Promise<StoredOverride> => ({
      ...stored,
      createdAt: new Date(NOW),
    }),
  }
  return overrideLimit({ now: () => NOW, overrides }, tenantId, { ...good, ...changes })
}

describe('overrideLimit', () => {
  it.each([{}, { value: null }, { value: 0 }, { endsAt: new Date(NOW + 1) }])('takes %j', async (changes) => {
    expect(await overrideWith(changes)).toMatchObject({
      ...good,
      ...changes,
      tenantId,
      id: expect.stringMatching(/^lim_/),
    })
  })

  it.each([
    ['reason', { reason: '  ' }],
    ['value', { value: -1 }],
    ['value', { value: 1.5 }],
    ['value', { value: Number.NaN }],
    ['value', { value: 2 ** 53 }],
    ['endsAt', { endsAt: new Date(NOW) }],
  ])('refuses a wrong %s', async (param, changes) => {
    await expect(overrideWith(changes)).rejects.toMatchObject({ code: 'parameter_invalid', problems: [{ param }] })
  })
})
