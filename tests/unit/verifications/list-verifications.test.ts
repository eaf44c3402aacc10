import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ListVerificationsInput, listVerifications } from '@/lib/verifications/list-verifications'
import type { VerificationRow } from '@/lib/verifications/verification-store'
import { DAY, madeAt, NOW, now, owner, storeOf } from '@/tests/support/verification-rows'

const input = (changes: Partial<ListVerificationsInput> = {}): ListVerificationsInput => ({
  owner,
  retentionDays: 7,
  filters: {},
  limit: 10,
  ...changes,
})

describe('listVerifications', () => {
  it('goes through every row once, newest first, whatever the size of a page', async () => {
    const ages = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(ages, fc.integer({ min: 1, max: 10 }), async (seconds, limit) => {
        const rows = seconds.map((age) => madeAt(NOW - age * 1_000))
        const { verifications } = storeOf(rows)
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const page = await listVerifications({ now, verifications }, input({ limit, cursor }))
          expect(page.data.length).toBeLessThanOrEqual(limit)
          expect(page.hasMore).toBe(page.nextCursor !== null)
          seen.push(...page.data.map(({ id }) => id))
          cursor = page.nextCursor ?? undefined
        } while (cursor !== undefined)
        expect(seen).toEqual(
          rows
            .map(({ id }) => id)
            .sort()
            .reverse(),
        )
      }),
    )
  })

  it('a full last page has nothing after it', async () => {
    const { verifications } = storeOf([madeAt(NOW), madeAt(NOW - 1)])
    const page = await listVerifications({ now, verifications }, input({ limit: 2 }))
    expect([page.hasMore, page.nextCursor]).toEqual([false, null])
  })

  it('shows nothing older than the plan keeps the log', async () => {
    const { verifications, pages } = storeOf([madeAt(NOW - 8 * DAY), madeAt(NOW - 6 * DAY)])
    const { data } = await listVerifications({ now, verifications }, input())
    expect(data).toHaveLength(1)
    expect(pages[0]?.fromMs).toBe(NOW - 7 * DAY)
  })

  it('a span beyond the retention is refused rather than cut', async () => {
    const { verifications } = storeOf([])
    const asked = listVerifications({ now, verifications }, input({ from: new Date(NOW - 7 * DAY - 1) }))
    await expect(asked).rejects.toMatchObject({ code: 'parameter_invalid', problems: [{ param: 'from' }] })
    const from = new Date(NOW - 7 * DAY)
    expect((await listVerifications({ now, verifications }, input({ from }))).data).toEqual([])
  })

  it('passes the span and the filters on', async () => {
    const { verifications, pages } = storeOf([])
    const [from, to] = [new Date(NOW - DAY), new Date(NOW - 1)]
    await listVerifications({ now, verifications }, input({ from, to, filters: { outcome: 'error' } }))
    expect(pages[0]).toMatchObject({ fromMs: NOW - DAY, toMs: NOW - 1, filters: { outcome: 'error' }, limit: 11 })
  })
})

describe('a cursor', () => {
  async function firstCursor(changes: Partial<ListVerificationsInput> = {}): Promise<string> {
    const rows = Array.from({ length: 5 }, (_, index) => madeAt(NOW - index))
    const page = await listVerifications(
      { now, verifications: storeOf(rows).verifications },
      input({ limit: 2, ...changes }),
    )
    return page.nextCursor as string
  }

  const reuse = (cursor: string, changes: Partial<ListVerificationsInput> = {}) =>
    listVerifications({ now, verifications: storeOf([]).verifications }, input({ cursor, ...changes }))
  const refused = { code: 'parameter_invalid', problems: [{ param: 'cursor' }] }

  it('goes on with the same filters', async () => {
    const filters = { outcome: 'valid' } as const
    await expect(reuse(await firstCursor({ filters }), { filters })).resolves.toBeDefined()
  })

  it.each([
    ['another filter', { filters: { outcome: 'valid' } }],
    ['another span', { from: new Date(NOW - DAY) }],
    ['another end', { to: new Date(NOW) }],
  ] as [string, Partial<ListVerificationsInput>][])('with %s is refused', async (_, changes) => {
    await expect(reuse(await firstCursor(), changes)).rejects.toMatchObject(refused)
  })

  it('another size of page is no other list', async () => {
    await expect(reuse(await firstCursor(), { limit: 50 })).resolves.toBeDefined()
  })

  it('that was changed, cut off or made up is refused, and never breaks anything', async () => {
    const cursor = await firstCursor()
    const wrong = [
      '',
      'x',
      cursor.slice(0, -1),
      `${cursor}0`,
      `!${cursor.slice(1)}`,
      cursor.toUpperCase(),
      '\0'.repeat(38),
    ]
    for (const text of wrong) await expect(reuse(text)).rejects.toMatchObject(refused)
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        await expect(reuse(text)).rejects.toMatchObject(refused)
      }),
    )
  })
})

describe('a row as it is shown', () => {
  const shown = async (changes: Partial<VerificationRow>) => {
    const { verifications } = storeOf([madeAt(NOW, changes)])
    return (await listVerifications({ now, verifications }, input())).data[0]
  }

  it('has addresses with their checksum, and the amount also in tokens', async () => {
    expect(await shown({})).toMatchObject({
      at: '2026-11-21T12:00:00.000Z',
      isValid: true,
      asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
      symbol: 'USDC',
      payer: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C',
      amount: '1500000',
      amountTokens: '1.5',
      durationMs: 1.234,
    })
  })

  it('of a token that we do not list has no amount in tokens', async () => {
    expect(await shown({ asset: null })).toMatchObject({
      asset: null,
      symbol: null,
      amountTokens: null,
      amount: '1500000',
    })
  })

  it('of which nothing was known is shown as such', async () => {
    const nothing = { network: null, asset: null, payer: null, pay_to: null, amount: null, nonce: null, block: null }
    const expected = { network: null, payer: null, payTo: null, amount: null, amountTokens: null, isValid: false }
    expect(await shown({ ...nothing, outcome: 'invalid', reason: 'invalid_payload' })).toMatchObject(expected)
  })

  it('an amount beyond every number is exact', async () => {
    const amount = ((1n << 256n) - 1n).toString()
    expect(await shown({ amount })).toMatchObject({
      amount,
      amountTokens: `${amount.slice(0, -6)}.${amount.slice(-6)}`,
    })
  })
})
