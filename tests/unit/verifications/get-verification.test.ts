import { describe, expect, it } from 'vitest'
import { type Id, newId } from '@/lib/core/ids'
import { getVerification } from '@/lib/verifications/get-verification'
import type { LogOwner, VerificationRow } from '@/lib/verifications/verification-store'
import { DAY, madeAt, NOW, now, owner, row } from '@/tests/support/verification-rows'

describe('getVerification', () => {
  const find = (id: string, retentionDays = 7, stored: (VerificationRow & { request: string }) | null = null) => {
    const asked: number[] = []
    const verifications = {
      find: async (_: LogOwner, __: string, atMs: number) => {
        asked.push(atMs)
        return stored
      },
    }
    return { asked, found: getVerification({ now, verifications }, { owner, id, retentionDays }) }
  }

  it('gives a row as JSON with the request as it came, found by the time its id carries', async () => {
    const request = '{"x402Version":2, "big":12345678901234567890.10, "a":1,"a":2}'
    const stored = { ...madeAt(NOW - 5), request }
    const { asked, found } = find(stored.id, 7, stored)
    expect(await found).toContain(`"request":${request}}`)
    expect(JSON.parse(await found)).toMatchObject({ id: stored.id, isValid: true, request: { x402Version: 2 } })
    expect(asked).toEqual([NOW - 5])
  })

  it.each(['', 'ver_', 'x', newId('request', NOW), `${newId('verification', NOW)}0`])(
    '%j is not found, without a question',
    async (id) => {
      const { asked, found } = find(id)
      await expect(found).rejects.toMatchObject({ code: 'resource_not_found' })
      expect(asked).toEqual([])
    },
  )

  it('what is past the retention is not found, though the row may still be there', async () => {
    const id: Id<'verification'> = newId('verification', NOW - 8 * DAY)
    await expect(find(id, 7, { ...row(id, NOW - 8 * DAY), request: '{}' }).found).rejects.toMatchObject({
      code: 'resource_not_found',
    })
  })

  it('another tenant’s row is not there', async () => {
    await expect(find(newId('verification', NOW)).found).rejects.toMatchObject({
      code: 'resource_not_found',
      status: 404,
    })
  })
})
